"""A place in reading order for blocks that cuts cannot place: by how near, above and beside others they are.

The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from hpi_runtime.documents import children, labels
from hpi_runtime.documents.blocks import Block, Region
from hpi_runtime.documents.boxes import HORIZONTAL, distance
from hpi_runtime.documents.crossing import REFERENCE

# How much distances count: to the nearest edge, to the top, and to the side.
_EDGE, _TOP, _SIDE = 10**4, 1, 0.0001
# Tops that differ by no more are the same, in pixels.
_TOLERANCE = 2
# Whose place is nearer to what stands below them, and what counts beside that: to the right, left, below, above.
_UPWARD = frozenset({"paragraph_title", "table_title", "abstract", "image", "seal", "chart", "figure"})
_ABOVE, _BELOW = (1, 1, 0.1, 1), (1, 1, 1, 0.1)
_TITLE_WEIGHTS = {True: (1, 0.1, 0.1, 1), False: (0.2, 0.1, 1, 1)}


def by_position(blocks: Sequence[Block], region: Region) -> list[Block]:
    """Return blocks line by line."""
    if region.direction == HORIZONTAL:
        return sorted(
            blocks,
            key=lambda block: (
                block.box[1] // region.line_height,
                block.box[0] // region.line_width,
                squares(block),
            ),
        )
    return sorted(
        blocks,
        key=lambda block: (
            -block.box[2] // region.line_width,
            block.box[1] // region.line_height,
            squares(block, -1),
        ),
    )


def squares(block: Block, sign: int = 1) -> float:
    """Return the squares of where the middle of a block is, added up; the first with a sign."""
    along, down = block.centre
    return sign * along**2 + down**2


def insert(blocks: Sequence[Block], ordered: Sequence[Block], region: Region) -> list[Block]:
    """Return ordered blocks with others at their places among them."""
    found = list(ordered)
    for number, block in enumerate(by_position(blocks, region)):
        if number == 0 and block.role == children.DOC_TITLE and block.label != labels.REGION:
            found.insert(0, block)
        else:
            found.insert(_place_of(block)(block, found, region), block)
    return found


def _place_of(block: Block) -> Callable[[Any, Sequence[Any], Region], int]:
    if block.label == labels.REGION:
        return _by_corner
    if block.role == REFERENCE:
        return _under_last
    return _by_corners_apart if block.role == "unordered" else _by_weight


def _by_corner(block: Region, ordered: Sequence[Region], region: Region) -> int:
    """Return the place before the first one that is farther from where reading begins."""
    return next((place for place, one in enumerate(ordered) if one.distance > block.distance), len(ordered))


def _under_last(block: Block, ordered: Sequence[Block], region: Region) -> int:
    """Return the place behind the one above it that is farthest to the right and down."""
    above = [place for place, one in enumerate(ordered) if one.box[3] <= block.box[1]]
    best = min(above, key=lambda place: -(ordered[place].box[2] * 10 + ordered[place].box[3]), default=0)
    return best + 1


def _by_corners_apart(block: Block, ordered: Sequence[Block], region: Region) -> int:
    """Return the place behind the one whose first corner is nearest."""
    apart = [abs(block.box[0] - one.box[0]) + abs(block.box[1] - one.box[1]) for one in ordered]
    return apart.index(min(apart)) + 1 if apart else 1


def _by_weight(block: Block, ordered: Sequence[Block], region: Region) -> int:
    """Return the place before or behind the one that is nearest, topmost and leftmost, in this order."""
    place, least, top = 0, inf, inf
    tolerance: float = _TOLERANCE
    for number, one in enumerate(ordered):
        edge = distance(block.box, one.box, _weights(block))
        if block.label in labels.DOC_TITLES:
            tolerance = max(tolerance, 1, region.line_width)
        if block.label == "abstract":
            tolerance *= 2
            edge = max(0.1, edge) * 10
        up, side = _toward_start(block, one, region)
        if abs(top - up) <= tolerance:
            up = top
        weight = edge * _EDGE + up * _TOP + side * _SIDE
        top = min(up, top)
        if weight < least:
            least = weight
            place = _beside(block, number, ordered, region)
    return place


def _weights(block: Block) -> Sequence[float]:
    if block.role == children.DOC_TITLE:
        return _TITLE_WEIGHTS[block.direction == HORIZONTAL]
    return _ABOVE if block.role in _UPWARD else _BELOW


def _toward_start(block: Block, one: Block, region: Region) -> tuple[float, float]:
    """Return how far down and to the side another block is; negative where it is above, so that the last one counts."""
    left, top, right, bottom = one.box
    is_horizontal = region.direction == HORIZONTAL
    up, side = (top, left) if is_horizontal else (-right, top)
    is_above = bottom < block.box[1] if is_horizontal else left > block.box[2]
    return (-up, -side) if is_above and block.label not in labels.UNORDERED else (up, side)


def _beside(block: Block, number: int, ordered: Sequence[Block], region: Region) -> int:
    """Return the place before or behind another block; not between two that are one paragraph."""
    is_vision = block.label in labels.VISIONS | labels.VISION_TITLES
    if _comes_after(block, ordered[number], region):
        is_between = is_vision and number + 1 < len(ordered)
        return number + 2 if is_between and not ordered[number + 1].continues(ordered[number])[0] else number + 1
    is_between = is_vision and number > 0
    return number - 1 if is_between and not ordered[number].continues(ordered[number - 1])[0] else number


def _comes_after(block: Block, one: Block, region: Region) -> bool:
    (left, top, right, _), (left2, top2, right2, _) = block.box, one.box
    if abs(top // 2 - top2 // 2) > 0:
        return bool(top > top2)
    if region.direction == HORIZONTAL and abs(left // 2 - right // 2) > 0:
        return bool(left > left2)
    if region.direction != HORIZONTAL and abs(left - right) > 0:
        return bool(-right > -right2)
    return squares(block) > squares(one)
