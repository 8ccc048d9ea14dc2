"""Blocks that lie across columns: cuts would part them, so that their place is found afterwards.

The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Sequence

from hpi_runtime.documents import children, labels
from hpi_runtime.documents.blocks import Block
from hpi_runtime.documents.boxes import across, overlap, overlap_along

CROSSING, REFERENCE = "cross_layout", "cross_reference"
_APART = frozenset({children.DOC_TITLE, CROSSING, REFERENCE})
_TEXT = "normal_text"
# Of two blocks that share more, the smaller one lies across.
_SHARED = 0.1
# Columns are as wide as so many lines are high.
_COLUMN = 10


def find_crossing(blocks: list[Block], direction: str) -> None:
    """Give the role of crossing to blocks that lie across others, and sort all from left to right.

    Args:
        blocks: of a group.
        direction: of the region's lines.
    """
    blocks.sort(key=lambda block: (block.box[0], block.width))
    for block in blocks:
        if block.role in _APART:
            continue
        for other in blocks:
            if other is block or other.role in _APART:
                continue
            shared = overlap(block.box, other.box)
            if shared and other.role == children.VISION:
                other.role = CROSSING
                break
            if shared > _SHARED and block.area < other.area:
                block.role = CROSSING
                break
            if overlap_along(block.box, other.box, direction) > 0:
                _look_at_thirds(block, other, blocks, direction)


def _look_at_thirds(block: Block, other: Block, blocks: Sequence[Block], direction: str) -> None:
    """Look whether a block lies across another one and a third beside that."""
    for third in blocks:
        if third is block or third is other or third.role in _APART:
            continue
        if overlap(block.box, third.box) > _SHARED:
            if third.role == children.VISION:
                third.role = CROSSING
                return
            if block.role == children.VISION or block.area < third.area:
                block.role = CROSSING
                return
        is_across = (
            overlap_along(block.box, third.box, direction) > 0
            and overlap_along(other.box, third.box, direction) == 0
            and overlap_along(other.box, third.box, across(direction)) > 0
        )
        if is_across and _are_columns(block, other, third):
            block.role = REFERENCE if block.label == "reference" else CROSSING


def _are_columns(block: Block, other: Block, third: Block) -> bool:
    if block.role in (children.VISION, labels.REGION):
        return True
    return all(one.role == _TEXT and one.long > one.line_height * _COLUMN for one in (other, third))
