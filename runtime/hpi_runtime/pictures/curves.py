"""Curved lines, such as those of round stamps, laid straight: strips across the line, side by side.

What counts as an end of a line, how its two sides are told apart and how the strips are cut is PaddleX 3.7.2's
(``crop_image_regions.py`` and ``seal_det_warp.py``, mode ``homography``), to the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import shapely

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.cropping import upright
from hpi_runtime.pictures.geometry import Points

_SIDES = 4
# A line that fills this part of the rectangle around it is straight.
_STRAIGHT = 0.7
# Edges shorter than this part of the mean belong to one corner.
_SHORT = 0.9
# Pieces of each side; the strips lie between them.
_PIECES = 15
_FEWEST = 10
# A line this much higher than wide runs downwards.
_VERTICAL = 1.5
# Of a quadrangle: one so much longer than wide ends at its short sides.
_LONG = 2.0
_TINY = 1e-8
# What makes an edge an end: turns at it, the turn over it, its distance from the middle, its place among the points.
_TURNS, _TURN, _FAR, _PLACE = 0.5, 0.15, 0.35, 0.1
_OTHER_END, _SPREAD = 0.3, 0.5


def straightened(image: Image, polygon: Points) -> Image | None:
    """Return a curved line as a straight picture, None if it has no area.

    Args:
        image: height × width × 3, uint8.
        polygon: n × 2, in pixels.
    """
    points = polygon.astype(np.int32)
    crop = upright(image, points)
    if crop is None or len(points) < _SIDES or _is_straight(points):
        return crop
    corners = _corners(points)
    if len(corners) < _SIDES:
        return crop
    upper, lower = (_divided(side) for side in _sides(corners))
    if (np.mean(upper, axis=0) - np.mean(lower, axis=0))[1] > 0:
        upper, lower = lower, upper
    outline = np.concatenate([upper, lower]).astype(np.float32)
    if len(outline) < _FEWEST or len(outline) % 2:
        return _around(image, outline)
    try:
        return _strips(image, outline)
    except (cv2.error, ValueError, ArithmeticError):
        # A strip without width, or a point that is none.
        return _around(image, outline)


def _is_straight(points: Points) -> bool:
    """Tell whether the rectangle does: it is nearly all line, or the line crosses itself."""
    line, box = shapely.Polygon(points), shapely.Polygon(cv2.boxPoints(cv2.minAreaRect(points)))
    if not line.is_valid:
        return True
    return bool(line.intersection(box).area / (line.union(box).area + 1e-10) >= _STRAIGHT)


def _corners(points: Points) -> Points:
    """Return the means of points that lie close together along a polygon; none if all do."""
    lengths = [float(np.linalg.norm(edge)) for edge in np.diff(points, axis=0)]
    short = _SHORT * sum(lengths) / (len(lengths) + _TINY)
    groups = [[0]]
    for place, length in enumerate(lengths, 1):
        if length < short:
            groups[-1].append(place)
        else:
            groups.append([place])
    if np.linalg.norm(points[0] - points[-1]) < short:
        last = groups.pop()
        if groups:
            groups[0] += last
    return np.array([points[group].mean(axis=0) for group in groups]).astype(np.int32).reshape(-1, 2)


def _sides(points: Points) -> tuple[Points, Points]:
    """Return the two sides of a line, each from one of its ends to the other."""
    head, tail = _ends(points) if len(points) > _SIDES else _ends_of_four(points)
    begin, end = head[1], tail[1] or len(points)
    twice = np.vstack([points, points])
    return twice[begin:end], twice[end : begin + len(points)]


def _ends(points: Points) -> tuple[Sequence[int], Sequence[int]]:
    """Return the edges at which a line ends, by their points."""
    count = len(points)
    score = _likeness_to_ends(points)
    x = np.arange(count - 3) / float(count - 4)
    bell = 1.0 / (np.sqrt(2.0 * np.pi) * _SPREAD) * np.exp(-np.power((x - 0.5) / _SPREAD, 2.0) / 2)
    bell = bell / np.max(bell)
    twice = np.concatenate([score, score])
    # The other end is likely half around.
    others = [twice[place + 2 : place + count - 1] for place in range(count)]
    pairs = np.array([own + other * bell * _OTHER_END for own, other in zip(score, others, strict=True)])
    first, beyond = (int(place) for place in np.unravel_index(pairs.argmax(), pairs.shape))
    second = (first + beyond + 2) % count
    one, other = (first, (first + 1) % count), (second, (second + 1) % count)
    return (other, one) if one[1] > other[1] else (one, other)


def _likeness_to_ends(points: Points) -> Points:
    """Return for the edge behind each point how much it is like the end of a line."""
    edges = np.roll(points, -1, axis=0) - points
    before, after = np.roll(edges, 1, axis=0), np.roll(edges, -1, axis=0)
    turns = _angles(edges, before) + _angles(edges, after)
    far = np.linalg.norm(points - np.mean(points, axis=0), axis=-1)
    far = np.maximum(np.roll(far, -1), far)
    score = _TURNS * (turns / np.pi) + _TURN * (_angles(before, after) / np.pi)
    score += _FAR * (far / np.max(far))
    place = np.zeros(len(points))
    if len(points) % 2 == 0:
        place[len(points) // 2 - 1] += 1
        place[-1] += 1
    return np.asarray(score + _PLACE * place)


def _ends_of_four(points: Points) -> tuple[Sequence[int], Sequence[int]]:
    slopes = [abs(dy / (dx + _TINY)) for dx, dy in np.roll(points, -1, axis=0) - points]
    lengths = [float(np.linalg.norm(edge)) for edge in np.roll(points, -1, axis=0) - points]
    flat, steep = ((0, 1), (2, 3)), ((3, 0), (1, 2))
    if slopes[0] + slopes[2] < slopes[1] + slopes[3]:
        is_long = lengths[3] + lengths[1] > _LONG * (lengths[0] + lengths[2])
        return flat if is_long else steep
    is_long = lengths[0] + lengths[2] > _LONG * (lengths[3] + lengths[1])
    return steep if is_long else flat


def _angles(one: Points, other: Points) -> Points:
    """Return the angles between vectors, in radians."""
    unit, others = (item / (np.linalg.norm(item, axis=-1) + _TINY).reshape(-1, 1) for item in (one, other))
    return np.asarray(np.arccos(np.clip(np.sum(unit * others, axis=-1), -1.0, 1.0)))


def _divided(line: Points) -> Points:
    """Return points that divide a line into pieces of the same length."""
    lengths = [float(np.linalg.norm(edge)) for edge in np.diff(line, axis=0)]
    ends = np.cumsum([0.0, *lengths])
    step = sum(lengths) / (float(_PIECES) + _TINY)
    found, edge = [line[0]], 0
    for number in range(1, _PIECES):
        at = number * step
        while edge + 1 < len(ends) and at >= ends[edge + 1]:
            edge += 1
        if edge >= len(lengths):
            break
        found.append(line[edge] + (line[edge + 1] - line[edge]) * ((at - ends[edge]) / lengths[edge]))
    return np.array([*found, line[-1]])


def _strips(image: Image, outline: Points) -> Image:
    """Return the strips of a line side by side, in its direction.

    Args:
        image: height × width × 3.
        outline: float32, one side and then the other, from one end around to it again.

    Raises:
        cv2.error, ValueError, ArithmeticError: a strip has no size.
    """
    left, top = (int(side) for side in outline.min(axis=0))
    right, bottom = (int(side) for side in outline.max(axis=0))
    is_vertical = (bottom - top) / (right - left) > _VERTICAL
    if is_vertical:
        outline = np.roll(outline, -1, axis=0)
        # As if the page were turned.
        turned = np.stack([outline[:, 1], image.shape[0] - outline[:, 0].astype(np.float64) - 1], axis=1)
        along, height = _measured(turned.astype(np.float32))
    else:
        along, height = _measured(outline.astype(np.float64))
    strips = []
    for place, width in enumerate(np.abs(np.diff(along))):
        quad = outline[[place, place + 1, -place - 2, -place - 1]]
        straight = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(np.ascontiguousarray(quad), straight)
        strips.append(np.asarray(cv2.warpPerspective(image, matrix, (int(width), int(height)), flags=cv2.INTER_LINEAR)))
    whole = _beside(strips)
    return np.asarray(np.rot90(whole, 3)) if is_vertical else whole


def _beside(strips: Sequence[Image]) -> Image:
    """Return pictures side by side; one without a size has become the page."""
    whole = np.zeros((max(len(strip) for strip in strips), sum(strip.shape[1] for strip in strips), 3), np.uint8)
    left = 0
    for strip in strips:
        height, width = strip.shape[:2]
        whole[:height, left : left + width] = strip
        left += width
    return whole


def _measured(outline: Points) -> tuple[Points, np.float32]:
    """Return where the strips of a line lie along it, float32, and how high it is."""
    half = len(outline) // 2
    edges = np.sqrt(np.sum(np.diff(outline, axis=0) ** 2, axis=1))
    widths = [(edges[place] + edges[-1 - place]) / 2 for place in range(half - 1)]
    across = outline[:half] - outline[::-1][:half]
    height = np.around(np.mean(np.sqrt(np.sum(across**2, axis=1))))
    along = [0.0]
    for width in widths:
        along.append(along[-1] + width)
    places = np.array(along)
    middle, centre = (places.max() - places.min()) / 2, height / 2
    # As distances between numbers that were rounded: sizes are cut off.
    high = np.abs(np.float32(height - centre) - np.float32(0 - centre))
    return (places - middle).astype(np.float32), np.float32(high)


def _around(image: Image, outline: Points) -> Image | None:
    """Return the box around a line."""
    limits = np.array([image.shape[1], image.shape[0]]) - 1
    left, top = np.clip(outline.min(axis=0).astype(int), 0, limits)
    right, bottom = np.clip(outline.max(axis=0).astype(int), 0, limits)
    crop = image[top:bottom, left:right]
    return crop.copy() if crop.size else None
