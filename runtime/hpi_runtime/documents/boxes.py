"""How boxes lie to each other, along an axis and as areas: left, top, right, bottom in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Box = Sequence[float] | np.ndarray[Any, Any]

HORIZONTAL, VERTICAL = "horizontal", "vertical"
# What an overlap is a part of.
UNION, SMALLER = "union", "smaller"


def across(direction: str) -> str:
    """Return the other direction."""
    return VERTICAL if direction == HORIZONTAL else HORIZONTAL


def ends(box: Box, direction: str) -> tuple[Any, Any]:
    """Return where a box begins and ends along a direction."""
    return (box[0], box[2]) if direction == HORIZONTAL else (box[1], box[3])


def area(box: Box) -> float:
    """Return the area of a box."""
    left, top, right, bottom = map(float, box)
    return abs((right - left) * (bottom - top))


def overlap(one: Box, other: Box, of: str = UNION) -> float:
    """Return which part of two boxes they share, 0 if they are nothing.

    Args:
        one, other: they.
        of: the part of what: their union, or the smaller of them.
    """
    (left, top, right, bottom), (left2, top2, right2, bottom2) = map(float, one), map(float, other)
    shared = max(0.0, min(right, right2) - max(left, left2)) * max(0.0, min(bottom, bottom2) - max(top, top2))
    whole = min(area(one), area(other)) if of == SMALLER else area(one) + area(other) - shared
    return shared / whole if whole else 0.0


def overlap_along(one: Box, other: Box, direction: str, of: str = UNION) -> float:
    """Return which part of two boxes they share as they are seen along a direction.

    Args:
        one, other: they.
        direction: whose axis counts.
        of: the part of what: of all that they cover, or of the smaller of them.
    """
    (start, end), (start2, end2) = ends(one, direction), ends(other, direction)
    shared = min(end, end2) - max(start, start2)
    if shared <= 0:
        return 0.0
    whole = min(end - start, end2 - start2) if of == SMALLER else max(end, end2) - min(start, start2)
    return float(shared / whole) if whole > 0 else 0.0


def around(boxes: Iterable[Box]) -> np.ndarray[Any, Any]:
    """Return the smallest box around others, of which there is at least one."""
    corners = np.array([[*box] for box in boxes])
    return np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])


def intersection(one: Box, other: Box) -> np.ndarray[Any, Any]:
    """Return what two boxes share, that do share something; as whole numbers if all of its sides are such."""
    return np.array([max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])])


def distance(one: Box, other: Box, weights: Sequence[float] = (1, 1, 1, 1)) -> float:
    """Return how far the nearest edges of two boxes are apart, along both axes together; 0 if they overlap.

    Args:
        one, other: they.
        weights: of distances where the other is to the right of the first, to its left, below and above it.
    """
    apart = 0.0
    for direction, (after, before) in ((HORIZONTAL, weights[:2]), (VERTICAL, weights[2:])):
        if overlap_along(one, other, direction) == 0:
            (start, end), (start2, end2) = ends(one, direction), ends(other, direction)
            apart += min(abs(start - end2), abs(end - start2)) * (after if end < start2 else before)
    return apart


def merged(boxes: Iterable[Box], direction: str) -> list[tuple[tuple[Any, Any], int]]:
    """Return the stretches that boxes cover along a direction, in order, and of how many boxes each is."""
    stretches: list[tuple[tuple[Any, Any], int]] = []
    for start, end in sorted((ends(box, direction) for box in boxes), key=lambda pair: pair[0]):
        if stretches and start <= stretches[-1][0][1]:
            (first, last), count = stretches[-1]
            stretches[-1] = ((first, max(last, end)), count + 1)
        else:
            stretches.append(((start, end), 1))
    return stretches
