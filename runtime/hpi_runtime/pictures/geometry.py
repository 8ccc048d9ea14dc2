"""Geometry that detection and cropping share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

Points = np.ndarray[Any, Any]
_SIDES = 4


def min_area_box(points: Points) -> tuple[Points, float]:
    """Return the corners of the smallest rectangle around points, and its shorter side.

    Args:
        points: n × 1 × 2 or n × 2.

    Returns:
        4 × 2 float32, clockwise from the top left: of the two leftmost corners the upper one is
        the first.
    """
    rectangle = cv2.minAreaRect(points)
    corners = sorted(cv2.boxPoints(rectangle), key=lambda corner: corner[0])
    left = sorted(corners[:2], key=lambda corner: corner[1])
    right = sorted(corners[2:], key=lambda corner: corner[1])
    return np.array([left[0], right[0], right[1], left[1]]), min(rectangle[1])


def corners(sides: Sequence[float]) -> list[list[float]]:
    """Return the four corners of a box that is written as its left, top, right and bottom, or as its corners."""
    if len(sides) == _SIDES:
        left, top, right, bottom = sides
        return [[left, top], [right, top], [right, bottom], [left, bottom]]
    return [list(sides[place : place + 2]) for place in range(0, 8, 2)]


def owner(poly: Points, lines: Sequence[Points]) -> int | None:
    """Return the line in which the middle of a box lies deepest, None if it lies in none."""
    middle = tuple(float(value) for value in poly.mean(axis=0))
    depths = [cv2.pointPolygonTest(line, middle, True) for line in lines]
    best = int(np.argmax(depths)) if depths else 0
    return best if depths and depths[best] >= 0 else None


def covered_by_kind(
    found: Sequence[Any], expected: Sequence[Any], kind: Callable[[Any], Any], place: Callable[[Any], Any]
) -> tuple[int, int]:
    """Count the things that have a counterpart of their kind, which covers nearly the same.

    Args:
        found, expected: things in a picture.
        kind: returns what a thing is.
        place: returns its corners.
    """

    def of(things: Sequence[Any], own: Any) -> list[Any]:
        return [place(thing) for thing in things if kind(thing) == own]

    kinds = sorted({kind(thing) for thing in (*found, *expected)})
    counts = [covered(of(found, own), of(expected, own)) for own in kinds]
    return sum(same for same, _ in counts), sum(total for _, total in counts)


def covered(found: Sequence[Any], expected: Sequence[Any], part: float = 0.9) -> tuple[int, int]:
    """Count the boxes that have a counterpart, and all.

    Args:
        found: polygons.
        expected: the same.
        part: of their union, which two boxes that are one have in common.
    """
    left = [np.array(box, np.float32) for box in found]
    same = 0
    for box in expected:
        overlaps = [overlap(np.array(box, np.float32), other) for other in left]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= part:
            same += 1
            left.pop(best)
    return same, max(len(found), len(expected))


def overlap(one: Points, other: Points) -> float:
    """Return the intersection of two polygons over their union."""
    both = shared(one, other)
    union = cv2.contourArea(one) + cv2.contourArea(other) - both
    return both / union if union else float(np.array_equal(one, other))


def shared(one: Points, other: Points) -> float:
    """Return the area that two polygons share: exactly of four convex corners, of others by the pixel."""
    if len(one) == len(other) == _SIDES:
        return float(cv2.intersectConvexConvex(one, other)[0])
    least = np.minimum(one.min(axis=0), other.min(axis=0))
    size = np.ceil(np.maximum(one.max(axis=0), other.max(axis=0)) - least).astype(int) + 1
    masks = [np.zeros(size[::-1], np.uint8) for _ in range(2)]
    for mask, poly in zip(masks, (one, other), strict=True):
        cv2.fillPoly(mask, [np.rint(poly - least).astype(np.int32)], 1)
    pixels = float(np.count_nonzero(masks[0] & masks[1]))
    # Pixels on an outline count half in an area.
    return min(pixels, float(cv2.contourArea(one)), float(cv2.contourArea(other)))
