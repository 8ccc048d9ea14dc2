"""Recursive cuts: boxes in reading order, cut apart where nothing is, along one axis and the other in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hpi_runtime.documents.boxes import VERTICAL

Boxes = np.ndarray[Any, Any]


def ordered(boxes: Boxes, direction: str) -> list[int]:
    """Return the places of boxes in reading order.

    Args:
        boxes: n × 4, whole numbers; columns that are read from the right have negative sides.
        direction: of the first cut: ``vertical`` parts rows, ``horizontal`` columns.
    """
    return list(_cut(boxes, np.arange(len(boxes)), 1 if direction == VERTICAL else 0))


def _cut(boxes: Boxes, places: Boxes, axis: int) -> Iterator[int]:
    """Cut along an axis, then what is left along the other, and so on until that cuts nothing apart."""
    for own, own_places in _parts(boxes, places, axis):
        parts = list(_parts(own, own_places, 1 - axis))
        if len(parts) == 1:
            yield from own_places[own[:, 1 - axis].argsort()].tolist()
            continue
        for part in parts:
            yield from _cut(*part, axis)


def _parts(boxes: Boxes, places: Boxes, axis: int) -> Iterator[tuple[Boxes, Boxes]]:
    """Yield the boxes between gaps along an axis, sorted along it."""
    order = boxes[:, axis].argsort()
    boxes, places = boxes[order], places[order]
    starts = np.abs(boxes[:, axis]) if axis == 0 else boxes[:, axis]
    stretches = _stretches(profile(boxes, axis))
    # From the right, where that is where reading begins.
    for start, end in stretches[::-1] if axis == 0 and len(boxes) and boxes[:, 0].min() < 0 else stretches:
        inside = (start <= starts) & (starts < end)
        yield boxes[inside], places[inside]


def profile(boxes: Boxes, axis: int) -> Boxes:
    """Return of each pixel along an axis how many boxes cover it."""
    sides = boxes[:, axis::2]
    counts = np.zeros(abs(sides.min()) if sides.min() < 0 else sides.max(), int)
    for start, end in np.abs(sides):
        counts[start:end] += 1
    return counts


def _stretches(counts: Boxes) -> list[tuple[int, int]]:
    """Return where pixels are covered, without gap."""
    covered = np.flatnonzero(counts > 0)
    if not len(covered):
        return []
    gaps = np.flatnonzero(np.diff(covered) > 1)
    starts = [covered[0], *covered[gaps + 1]]
    # The last pixel before a gap, and the pixel behind the last one of all, as in PaddleX.
    ends = [*covered[gaps], covered[-1] + 1]
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def valleys(counts: Boxes) -> list[tuple[int, int]]:
    """Return the first and last pixels of stretches that fewer boxes cover than those beside them, but for the first.

    The last stretch is none.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for place in range(1, len(counts)):
        if counts[place] == counts[place - 1]:
            continue
        if (start == 0 or counts[start - 1] > counts[start]) and counts[place] > counts[start]:
            found.append((start, place - 1))
        start = place
    return found[1:]
