"""The reading order of a page: cuts between blocks, and a place among them for what lies across the cuts.

The rules are PaddleX 3.7.2's (XY-Cut++, arxiv.org/abs/2504.10258).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hpi_runtime.documents import children, cuts, labels
from hpi_runtime.documents.blocks import Block, Region
from hpi_runtime.documents.boxes import HORIZONTAL, VERTICAL, across, ends, merged, overlap_along
from hpi_runtime.documents.crossing import CROSSING, REFERENCE, find_crossing
from hpi_runtime.documents.insertion import by_position, insert, squares

HEADER, FOOTER, UNORDERED, TEXT = "header", "footer", "unordered", "normal_text"
# What has its place beside others, or above and below all.
_ASIDE = frozenset(
    {
        *(HEADER, UNORDERED, FOOTER, children.VISION_NOTE, children.SUB_TITLE, children.DOC_TITLE_TEXT),
        *(children.VISION_TITLE, children.SUB_REGION),
    }
)
# Boxes that overlap less, or touch so nearly, are drawn apart before they are cut: a part, and pixels.
_TOUCHING, _TOUCHING_PIXELS = 0.1, 3


def ordered(region: Region) -> list[Block]:
    """Return the blocks of a region, or the regions of a page, in reading order."""
    if not region.blocks:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        return _ordered(region)


def _ordered(region: Region) -> list[Block]:
    found: list[Block] = []
    crossing: list[Block] = []
    for group in _groups(region):
        stretches = merged((block.box for block in group), region.direction)
        if group[0].label != labels.REGION or len(stretches) == 1:
            find_crossing(group, region.direction)
        by_cuts = [block for block in group if block.role not in (CROSSING, REFERENCE, children.DOC_TITLE, UNORDERED)]
        titles = [block for block in group if block not in by_cuts and block.label in labels.DOC_TITLES]
        crossing += [block for block in group if block not in by_cuts and block not in titles]
        own = insert(titles, _by_cuts(by_cuts, region), region)
        if crossing and crossing[0].label == labels.REGION:
            own = insert(crossing, own, region)
            crossing = []
        found += own
    headers, footers, unordered = (
        by_position(region.of(places), region)
        for places in (region.kinds.headers, region.kinds.footers, region.kinds.unordered)
    )
    return _with_children([*headers, *insert(crossing, found, region), *footers, *unordered])


def _by_cuts(blocks: Sequence[Block], region: Region) -> list[Block]:
    """Return blocks in the order of recursive cuts."""
    if not blocks:
        return []
    boxes = [[*block.box] for block in blocks]
    if region.direction == VERTICAL:
        boxes = [[-left, top, -right, bottom] for left, top, right, bottom in boxes]
    is_column = len(merged((block.box for block in blocks), region.direction)) == 1
    first, second = (0, 1) if region.direction == HORIZONTAL else (1, 0)
    if is_column or max(block.line_count for block in blocks) == 1:
        direction, step = region.across, region.line_height // 2
        first, second = second, first
    else:
        direction, step = region.direction, region.line_width // 2
    order = sorted(range(len(blocks)), key=lambda place: (boxes[place][first] // step, boxes[place][second]))
    apart = [boxes[place] for place in order]
    _draw_apart(apart, region.across)
    return [blocks[order[place]] for place in cuts.ordered(np.array(apart).astype(int), direction)]


def _draw_apart(boxes: list[list[Any]], direction: str) -> None:
    """Make a gap between boxes that follow each other and touch, or overlap a little, along a direction."""
    near, far = (0, 2) if direction == HORIZONTAL else (1, 3)
    for one, other in pairwise(boxes):
        shared = overlap_along(one, other, direction)
        is_beside = overlap_along(one, other, across(direction)) > 0
        is_little = is_beside and 0 < shared < _TOUCHING
        if not is_little and abs(one[far] - other[near]) > _TOUCHING_PIXELS:
            continue
        middle = int((max(one[near], other[near]) + min(one[far], other[far])) / 2)
        if one[near] < other[near]:
            one[far], other[near] = middle - 1, middle + 1
        else:
            one[near], other[far] = middle - 1, middle + 1


def _with_children(blocks: list[Block]) -> list[Block]:
    """Return blocks with their children beside them."""
    found: list[Block] = []
    for block in blocks:
        family = [*block.release(), block]
        found += _side_by_side(family) if len(family) > 1 else family
    return found


def _side_by_side(family: list[Block]) -> list[Block]:
    first = family[0]
    if isinstance(first, Region):
        return sorted(family, key=lambda block: block.distance if isinstance(block, Region) else 0.0)
    if first.direction == HORIZONTAL:
        return sorted(family, key=lambda block: (block.box[1], block.box[0], squares(block)))
    return sorted(family, key=lambda block: (-block.box[2], block.box[1], squares(block, -1)))


# -- groups ----------------------------------------------------------------------------------------


def _groups(region: Region) -> list[list[Block]]:
    """Return the blocks between lines that go all across a region, group by group; families are found on the way."""
    centred = _find_families(region)
    shown = [block for block in region.blocks if block.role not in _ASIDE]
    if not shown:
        return []
    direction = region.across
    stretches = merged((block.box for block in shown), direction)
    lines = _around_centred(centred, stretches, direction)
    columns = [block for block in shown if block.role != children.VISION]
    is_page = region.blocks[0].label == labels.REGION
    if columns and (is_page or len(merged((block.box for block in columns), region.direction)) == 1):
        lines += _at_gaps(region, [stretch for stretch, _ in stretches], lines)
    groups = _cut_at(region.blocks, direction, lines)
    return groups[::-1] if region.direction == VERTICAL else groups


def _find_families(region: Region) -> list[Block]:
    """Give each block its role and its children, and return those in the middle of the region."""
    centred = []
    for block in region.blocks:
        if block.role not in _ASIDE:
            _find_role(block, region)
        tolerance = block.long // 5 if block.direction == HORIZONTAL else block.short // 10
        if abs(sum(ends(block.box, region.direction)) / 2 - region.centre_along) <= tolerance:
            centred.append(block)
    return centred


def _find_role(block: Block, region: Region) -> None:
    roles = (
        (labels.HEADERS, HEADER),
        (labels.DOC_TITLES, children.DOC_TITLE),
        (labels.TITLES, children.TITLE),
        (labels.VISIONS, children.VISION),
        (labels.FOOTERS, FOOTER),
        (labels.UNORDERED, UNORDERED),
        ({labels.REGION}, labels.REGION),
    )
    block.role = next((role for own, role in roles if block.label in own), TEXT)
    if block.role == children.VISION:
        block.line_count = 1
        block.turn(region.direction)
    children.adopt(block, region)


def _around_centred(centred: Sequence[Block], stretches: Sequence[Any], direction: str) -> list[Any]:
    """Return lines before and after blocks in the middle that have nothing beside them."""
    alone = [stretch for stretch, count in stretches if count == 1]
    return [
        line
        for block in centred
        if block.role not in _ASIDE and block.across == direction and (block.across_start, block.across_end) in alone
        for line in (block.across_start, block.across_end)
    ]


def _at_gaps(region: Region, stretches: Sequence[tuple[Any, Any]], lines: Sequence[Any]) -> list[Any]:
    """Return lines at gaps between stretches of one column: wide ones, and those between other columns of blocks."""
    found: list[Any] = []
    is_page = region.blocks[0].label == labels.REGION
    current = stretches[0]
    begin = max([current[0], *(line for line in lines if line < current[1])])
    for stretch in stretches[1:]:
        gap = stretch[0] - current[1]
        if gap >= region.line_height * 3 or is_page:
            found.append(current[1])
        elif gap > region.line_height * 1.2:
            before = _valleys(region, begin, current[1])
            after = _valleys(region, current[1], stretch[1])
            most = max(len(before), len(after))
            if most and len(merged([*before, *after], region.direction)) != most:
                begin = current[1]
                found.append(begin)
        current = stretch
    return found


def _valleys(region: Region, start: Any, end: Any) -> list[list[int]]:
    """Return gaps between columns among the blocks that lie between two lines, as boxes."""
    own = [block.box for block in region.blocks if start <= ends(block.box, region.across)[0]]
    own = [box for box in own if ends(box, region.across)[1] <= end]
    axis = 0 if region.direction == HORIZONTAL else 1
    found = cuts.valleys(cuts.profile(np.array(own).astype(int), axis)) if own else []
    return [[first, first, last, last] for first, last in found]


def _cut_at(blocks: Sequence[Block], direction: str, lines: Sequence[Any]) -> list[list[Block]]:
    """Return blocks in groups by the lines that they end before."""
    end = 2 if direction == HORIZONTAL else 3
    left = sorted(blocks, key=lambda block: block.box[end])
    groups = []
    for line in [*sorted(set(lines)), np.inf]:
        own = [block for block in left if block.box[end] <= line]
        left = left[len(own) :]
        group = [block for block in own if block.role not in _ASIDE]
        if group:
            groups.append(group)
    return groups
