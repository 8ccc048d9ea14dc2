"""Tables: where their cells are on the page, which text stands in which cell, and the HTML of all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Boxes = np.ndarray[Any, Any]

_WHOLE_CELL, _CELL_END = "<td></td>", "</td>"
_BOLD, _BOLD_END = "<b>", "</b>"
# How many marks stand before the first row, and after the last.
_AROUND = 3
# A line belongs to a table if they share more than so many pixels, either way.
_SHARED = 3
_TEXTS = ("rec_polys", "rec_texts", "rec_scores", "rec_boxes")


def by_overlap(
    table: Sequence[float],
    cells: Sequence[Sequence[float]],
    marks: Sequence[str],
    ocr: Mapping[str, Any],
    size: tuple[int, int],
) -> dict[str, Any]:
    """Return a table whose texts stand in the cells that they overlap most, as PaddleX's ``table_res_list`` has it.

    Args:
        table: its box on the page.
        cells: four corners each, eight numbers, in pixels of the table.
        marks: its structure.
        ocr: the record of the page's texts.
        size: width and height of the page.
    """
    texts = texts_in(ocr, table)
    places = on_page(cells, table, size)
    # Where there is nothing to put into cells, PaddleX's marks stand apart.
    html = " ".join(marks) if not len(places) or not texts["rec_boxes"] else ""
    if not html:
        html = filled(marks, texts["rec_texts"], matched(places, texts["rec_boxes"]))
    return {"cell_box_list": places.tolist(), "pred_html": html, "table_ocr_pred": texts}


def texts_in(ocr: Mapping[str, Any], box: Sequence[float]) -> dict[str, list[Any]]:
    """Return of a page's texts those that lie in a box, at least with a corner."""
    own = lines_in(ocr["rec_boxes"], box)
    return {key: [ocr[key][index] for index in own] for key in _TEXTS}


def lines_in(boxes: Sequence[Sequence[float]], box: Sequence[float]) -> list[int]:
    """Return which boxes lie in another, at least with a corner."""
    if not len(boxes):
        return []
    left, top, right, bottom = np.array(boxes, np.float64).T
    wide = np.minimum(box[2], right) - np.maximum(box[0], left)
    high = np.minimum(box[3], bottom) - np.maximum(box[1], top)
    return [int(index) for index in np.flatnonzero((wide > _SHARED) & (high > _SHARED))]


def on_page(cells: Sequence[Sequence[float]], table: Sequence[float], size: tuple[int, int]) -> Boxes:
    """Return the boxes of cells in pixels of the page: n × 4, left, top, right, bottom.

    Args:
        cells: four corners each, eight numbers, or two as four, in pixels of the table.
        table: its box on the page.
        size: width and height of the page.
    """
    if not len(cells):
        return np.zeros((0, 4))
    corners = np.array(cells).reshape(len(cells), -1, 2) + np.array(table[:2], np.float64)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return np.asarray(np.clip(boxes, 0, [*size, *size]))


def matched(cells: Boxes, texts: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Return which texts stand in which cell, both by number: each in the cell that it overlaps most, or is nearest to.

    Args:
        cells: n × 4.
        texts: the box of each.
    """
    found: dict[int, list[int]] = {}
    for number, text in enumerate(np.array(texts, np.float64).reshape(-1, 4)):
        best = np.lexsort((_distances(cells, text), 1.0 - _overlaps(cells, text)))[0]
        found.setdefault(int(best), []).append(number)
    return found


def filled(marks: Sequence[str], texts: Sequence[str], places: Mapping[int, Sequence[int]]) -> str:
    """Return the HTML of a table.

    Args:
        marks: its structure.
        texts: what was read; as in PaddleX, what looks like HTML in them stays as it is.
        places: which of them stand in which cell.
    """
    parts = list(marks[:_AROUND])
    cell = 0
    for mark in marks[_AROUND:-_AROUND]:
        if _CELL_END not in mark:
            parts.append(mark)
            continue
        inner = _joined([texts[number] for number in places.get(cell, ())])
        parts.append(f"<td>{inner}</td>" if mark == _WHOLE_CELL else f"{inner}{mark}")
        cell += 1
    return "".join((*parts, *marks[-_AROUND:]))


def _joined(texts: Sequence[str]) -> str:
    """Return several texts of a cell as one, a space between them; bold if the first is."""
    if len(texts) < 2:
        return "".join(texts)
    found = ""
    for place, text in enumerate(texts):
        inner = text.removeprefix(" ")
        # As in PaddleX, wherever the marks stand.
        inner = inner[len(_BOLD) :] if _BOLD in inner else inner
        inner = inner[: -len(_BOLD_END)] if _BOLD_END in inner else inner
        is_last = place == len(texts) - 1
        found += inner + (" " if inner and not is_last and inner[-1] != " " else "")
    return f"{_BOLD}{found}{_BOLD_END}" if _BOLD in texts[0] else found


def _distances(cells: Boxes, text: Boxes) -> Boxes:
    """Return how far the corners of boxes are apart; the nearer corner counts twice."""
    left, top, right, bottom = np.abs(text - cells).T
    # In PaddleX's order, for ties.
    return np.asarray(left + top + right + bottom + np.minimum(left + top, right + bottom))


def _overlaps(cells: Boxes, text: Boxes) -> Boxes:
    """Return intersection over union."""
    wide = np.minimum(cells[:, 2], text[2]) - np.maximum(cells[:, 0], text[0])
    high = np.minimum(cells[:, 3], text[3]) - np.maximum(cells[:, 1], text[1])
    shared = np.where((wide > 0) & (high > 0), wide * high, 0.0)
    areas = (cells[:, 2] - cells[:, 0]) * (cells[:, 3] - cells[:, 1])
    union = areas + (text[2] - text[0]) * (text[3] - text[1]) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0))
