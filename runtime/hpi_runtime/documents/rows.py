"""Rows of a table whose cells a detector found: its HTML from cells alone, and which line of text stands in which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from hpi_runtime.documents import tables

Box = Sequence[float]

# Edges that are no farther apart are one, in pixels.
_SAME_EDGE = 5
# Cells whose upper edges are no farther apart stand in one row, in pixels.
_SAME_ROW = 10
# A line stands in a cell that covers more than this part of it.
_INSIDE = 0.7
_CELL_ENDS = ("<td></td>", "</td>")


def marks_of(cells: Sequence[Box]) -> list[str]:
    """Return the structure of a table, as marks of HTML, from where its cells are.

    Args:
        cells: left, top, right, bottom.
    """
    columns = _edges([side for cell in cells for side in (cell[0], cell[2])])
    lines = _edges([side for cell in cells for side in (cell[1], cell[3])])
    taken: dict[tuple[int, int], int] = {}
    spans = []
    for number, (left, top, right, bottom) in enumerate(cells):
        (first, last), (upper, lower) = (
            sorted((_nearest(edges, one), _nearest(edges, other)))
            for edges, one, other in ((columns, left, right), (lines, top, bottom))
        )
        spans.append((upper, first, max(1, lower - upper), max(1, last - first)))
        row, column, high, wide = spans[-1]
        for place in ((down, along) for down in range(row, row + high) for along in range(column, column + wide)):
            taken.setdefault(place, number)
    marks = ["<table>", "<tbody>"]
    for row in range(len(lines) - 1):
        marks += ["<tr>", *_row(row, len(columns) - 1, taken, spans), "</tr>"]
    return [*marks, "</tbody>", "</table>"]


def _row(
    row: int, columns: int, taken: Mapping[tuple[int, int], int], spans: Sequence[tuple[int, int, int, int]]
) -> list[str]:
    marks: list[str] = []
    column = 0
    while column < columns:
        number = taken.get((row, column))
        if number is None:
            marks += ["<td>", "</td>"]
            column += 1
            continue
        upper, first, high, wide = spans[number]
        if (upper, first) == (row, column):
            said = [
                part for kind, count in (("row", high), ("col", wide)) if count > 1 for part in _attribute(kind, count)
            ]
            marks += ["<td", *said, ">", "</td>"] if said else ["<td>", "</td>"]
        column += wide
    return marks


def _attribute(kind: str, count: int) -> list[str]:
    # PaddleX knows the marks of spans up to 20, and parts marks where one begins.
    return [" ", f'{kind}span="{count}"'] if count <= 20 else [f' {kind}span="{count}"']


def _edges(sides: Sequence[float]) -> list[float]:
    """Return where edges are, those that are close as one in their middle."""
    found: list[list[float]] = []
    for side in sorted(set(sides)):
        if found and abs(side - found[-1][-1]) <= _SAME_EDGE:
            found[-1].append(side)
        else:
            found.append([side])
    return [sum(group) / len(group) for group in found]


def _nearest(edges: Sequence[float], side: float) -> int:
    return min(range(len(edges)), key=lambda number: abs(edges[number] - side))


def filled(
    table: Box,
    cells: Sequence[Sequence[float]],
    marks: Sequence[str],
    texts: Mapping[str, Sequence[Any]],
    size: tuple[int, int],
) -> dict[str, Any]:
    """Return a table whose texts stand in the cells that cover them, row by row, as in PaddleX's ``table_res_list``.

    Args:
        table: its box on the page.
        cells: left, top, right, bottom, in pixels of the table.
        marks: its structure.
        texts: those that are in it, with their boxes on the page.
        size: width and height of the page.
    """
    places = tables.on_page(cells, table, size)
    if not len(places) or not len(texts["rec_boxes"]):
        return {"cell_box_list": places.tolist(), "pred_html": " ".join(marks), "table_ocr_pred": dict(texts)}
    rows = _rows(places.tolist())
    ordered = [cell for row in rows for cell in row]
    html = tables.filled(marks, texts["rec_texts"], _matched(rows, ordered, marks, texts["rec_boxes"]))
    return {"cell_box_list": ordered, "pred_html": html, "table_ocr_pred": dict(texts)}


def _rows(cells: Sequence[Box]) -> list[list[Box]]:
    """Return cells row by row, from left to right."""
    found: list[list[Box]] = []
    for cell in sorted(cells, key=lambda cell: cell[1]):
        if found and abs(cell[1] - found[-1][0][1]) <= _SAME_ROW:
            found[-1].append(cell)
        else:
            found.append([cell])
    return [sorted(row, key=lambda cell: cell[0]) for row in found]


def _matched(
    rows: Sequence[Sequence[Box]], cells: Sequence[Box], marks: Sequence[str], lines: Sequence[Box]
) -> dict[int, list[int]]:
    """Return which lines stand in which cell of the structure, both by number.

    A row of the structure gets the cells from the last detected row that begins no later than it.
    """
    begins = _begins(marks)
    if not begins:
        return {}
    ends = [0, *accumulate(len(row) for row in rows)]
    # Where the cells of each row begin among those detected, and where the last row's end.
    firsts = [max(end for end in ends if end <= begin) for begin in begins] + [len(cells)]
    found: dict[int, list[int]] = {}
    for number, begin in enumerate(begins):
        end = begins[number + 1] if number + 1 < len(begins) else len(cells)
        for place, cell in enumerate(cells[firsts[number] : firsts[number + 1]]):
            inside = [line for line, box in enumerate(lines) if _part(box, cell) > _INSIDE]
            # What would stand beyond the row is not there.
            if inside and (begin + place < end or number + 1 == len(begins)):
                found[begin + place] = inside
    return found


def _begins(marks: Sequence[str]) -> list[int]:
    """Return the number of the first cell of each row that has one."""
    begins: list[int] = []
    count = 0
    is_new = False
    for mark in marks:
        if mark in ("<tr>", "</tr>"):
            is_new = mark == "<tr>"
        elif mark in _CELL_ENDS:
            if is_new:
                begins.append(count)
            count += 1
            is_new = False
    return begins


def _part(line: Box, cell: Box) -> float:
    """Return the part of a line that a cell covers."""
    left, top, right, bottom = (np.float64(side) for side in line)
    wide = max(0.0, min(cell[2], right) - max(cell[0], left))
    high = max(0.0, min(cell[3], bottom) - max(cell[1], top))
    area = (right - left) * (bottom - top)
    return float(wide * high / area) if area else 0.0
