"""Cells of a table that a detector found: fitted to its structure, and lines of text cut where cells meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hpi_runtime.documents.boxes import around

Boxes = np.ndarray[Any, Any]
Box = Sequence[float]

# Of two cells that overlap more (intersection over union), the one that scores less is dropped.
_SAME = 0.3
# A line is in cells that cover this part of it, all of them together.
_COVERED = 0.6
# With fewer cells than this part of what the structure has, the lines of text are taken for cells.
_TOO_FEW = 0.6
# A line spans the cells of which it covers more than this part, if they are so many.
_SPANNED, _CELLS = 0.5, 2
# PaddleX's, so that clusters are the same ones each time.
_SEED = 0


def distinct(boxes: Sequence[Box], scores: Sequence[float]) -> tuple[Boxes, Boxes]:
    """Return cells without those that overlap one that scores more, the best first.

    Args:
        boxes: left, top, right, bottom.
        scores: of each.

    Returns:
        The boxes that are left, n × 4, and their scores.
    """
    left, top, right, bottom = np.array(boxes, np.float64).reshape(-1, 4).T
    areas = (right - left) * (bottom - top)
    kept: list[int] = []
    order = np.array(scores, np.float64).argsort()[::-1]
    while len(order):
        best, others = order[0], order[1:]
        kept.append(best)
        wide = np.minimum(right[best], right[others]) - np.maximum(left[best], left[others])
        high = np.minimum(bottom[best], bottom[others]) - np.maximum(top[best], top[others])
        shared = np.maximum(0.0, wide) * np.maximum(0.0, high)
        # Of boxes without area nothing is left, as in PaddleX.
        order = others[shared <= _SAME * (areas[best] + areas[others] - shared)]
    return np.array(boxes, np.float64).reshape(-1, 4)[kept], np.array(scores, np.float64)[kept]


def fitted(cells: Boxes, scores: Boxes, lines: Sequence[Box], count: int) -> list[Box]:
    """Return as many cells as the structure has, as PaddleX finds them.

    Too many are cut down to the best; too few are filled up with lines of text that are in no cell, and boxes that
    are still too many become one where their centres are close.

    Args:
        cells: that were found, in pixels of the table.
        scores: of each.
        lines: boxes of its texts, in the same pixels.
        count: how many the structure has.
    """
    if len(cells) == count:
        return list(cells.tolist())
    if has_more := len(cells) > count:
        cells = cells[np.argsort(-scores)[:count]]
    found: list[Box] = cells.tolist()
    missed = [line for line in lines if not _is_covered(line, found)]
    if missed and has_more:
        found = _clustered([*found, *missed], count)
    elif missed:
        found = [*found, *_clustered(missed, count - len(found))]
    return _clustered(lines, count) if len(found) <= _TOO_FEW * count else found


def _is_covered(line: Box, cells: Sequence[Box]) -> bool:
    covered = 0.0
    for cell in cells:
        covered += _shared(line, cell) / max(_area(line), 1e-9)
        if covered >= _COVERED:
            return True
    return False


def _clustered(boxes: Sequence[Box], count: int) -> list[Box]:
    """Return at most so many boxes, each around some of these whose centres are close."""
    if count >= len(boxes) or count < 1:
        return list(boxes)[: max(0, count)]
    from sklearn.cluster import KMeans

    corners = np.array(boxes, np.float64)
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    clusters = KMeans(n_clusters=count, random_state=_SEED, n_init="auto").fit_predict(centres)
    groups = (corners[clusters == number] for number in range(count))
    return [list(around(group)) for group in groups if len(group)]


def parts(line: Box, cells: Sequence[Box]) -> list[list[float]]:
    """Return a line cut where the cells that it spans meet, from left to right; itself if it spans fewer than two.

    Args:
        line: left, top, right, bottom.
        cells: in the same pixels.
    """
    spanned = [cell for cell in cells if _part(line, cell) > _SPANNED]
    if len(spanned) < _CELLS:
        return [list(line)]
    found = dict.fromkeys(_cuts(line, sorted(spanned, key=lambda cell: cell[0])))
    return [[left, line[1], right, line[3]] for left, right in found]


def _cuts(line: Box, cells: Sequence[Box]) -> Iterator[tuple[float, float]]:
    """Yield where parts of a line begin and end: in a cell, or in what is between and beside them."""
    if line[0] < cells[0][0]:
        yield line[0], cells[0][0]
    for place, cell in enumerate(cells):
        yield max(line[0], cell[0]), min(line[2], cell[2])
        if place + 1 < len(cells) and cell[2] < cells[place + 1][0]:
            yield cell[2], cells[place + 1][0]
    if cells[-1][2] < line[2]:
        yield cells[-1][2], line[2]


def _part(line: Box, cell: Box) -> float:
    area = _area(cell)
    return _shared(line, cell) / area if area else 0.0


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
