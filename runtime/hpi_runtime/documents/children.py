"""Which blocks keep together in reading order: titles with what belongs to them, pictures with captions and notes.

The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpi_runtime.documents import labels
from hpi_runtime.documents.blocks import Block, Region
from hpi_runtime.documents.boxes import HORIZONTAL, SMALLER, distance, overlap, overlap_along

# Blocks are neighbours if they share this part of the smaller, along a direction.
_NEIGHBOURS = 0.1
# A block in another shares this part of it.
_INSIDE = 0.9
DOC_TITLE, TITLE, VISION = "doc_title", "paragraph_title", "vision"
DOC_TITLE_TEXT, SUB_TITLE, VISION_TITLE, VISION_NOTE, SUB_REGION = (
    *("doc_title_text", "sub_paragraph_title", "vision_title", "vision_footnote", "sub_region"),
)


def adopt(block: Block, region: Region) -> None:
    """Give a block the children that belong to it."""
    if block.role == DOC_TITLE:
        _of_doc_title(block, region)
    elif block.role == TITLE:
        _of_title(block, region)
    elif block.role == VISION:
        _of_vision(block, region)
    elif block.role == labels.REGION:
        _of_region(block, region)


def _take(block: Block, child: Block, role: str, places: list[int]) -> None:
    child.role = role
    block.adopt(child)
    places.remove(child.index)


def _neighbours(block: Block, others: list[Block], direction: str) -> tuple[list[Block], list[Block]]:
    """Return the blocks before and after a block, the nearest first, that are in its way along a direction."""
    side = 1 if direction == HORIZONTAL else 0
    near = [
        other
        for other in others
        if other.index != block.index and overlap_along(block.box, other.box, direction, SMALLER) > _NEIGHBOURS
    ]
    before = [other for other in near if other.box[side] <= block.box[side]]
    after = [other for other in near if other.box[side] > block.box[side]]
    before.sort(key=lambda other: other.box[side], reverse=True)
    after.sort(key=lambda other: other.box[side])
    return before, after


def _of_doc_title(block: Block, region: Region) -> None:
    """A title has the lines right above and below it, such as names of authors, and what is on it."""
    texts = region.of(region.kinds.texts)
    for nearest in _neighbours(block, texts, block.direction):
        for other in nearest[:1]:
            if _is_part_of_title(block, other):
                _take(block, other, DOC_TITLE_TEXT, region.kinds.texts)
    for other in texts:
        is_on_it = overlap(block.box, other.box, SMALLER) > _INSIDE and other.direction == block.direction
        if other.role != DOC_TITLE_TEXT and is_on_it:
            _take(block, other, DOC_TITLE_TEXT, region.kinds.texts)


def _is_part_of_title(block: Block, other: Block) -> bool:
    return (
        other.direction == block.direction
        and other.label in labels.TEXTS
        and other.short < block.short * 0.8
        and (other.long < block.long or other.long > 1.5 * block.long)
        and other.line_count < 3
        and distance(block.box, other.box) < other.line_height * 2
    )


def _of_title(block: Block, region: Region) -> None:
    """A title of a part has the titles right above and below it, in one column."""
    others = region.of([*region.kinds.titles, *region.kinds.texts])
    for neighbours in _neighbours(block, others, block.direction):
        for other in neighbours:
            if other.label not in labels.TITLES:
                break
            height = min(block.line_height, other.line_height)
            is_in_column = other.direction == block.direction and abs(other.start - block.start) < height * 2
            if is_in_column and distance(block.box, other.box) <= height * 1.5:
                _take(block, other, SUB_TITLE, region.kinds.titles)


def _of_vision(block: Block, region: Region) -> None:
    """A picture or table has its captions, one note, and what is on it."""
    kinds = region.kinds
    others = region.of([*kinds.texts, *kinds.vision_titles])
    has_title = has_note = False
    for direction in (block.direction, block.across):
        for is_after, neighbours in enumerate(_neighbours(block, others, direction)):
            for other in _after(neighbours, has_note) if is_after else _before(neighbours):
                is_near = distance(block.box, other.box) <= other.line_height * 2
                if other.label in labels.VISION_TITLES and is_near:
                    has_title = True
                    _take(block, other, VISION_TITLE, kinds.vision_titles)
                if other.label in labels.TEXTS and not has_note and is_near and _is_note(block, other):
                    has_note = True
                    if is_after:
                        other.label = VISION_NOTE
                    _take(block, other, VISION_NOTE, kinds.texts)
        if has_title:
            break
    for other in others:
        if other.index in kinds.texts and overlap(block.box, other.box, SMALLER) > _INSIDE:
            other.label = VISION_NOTE
            _take(block, other, VISION_NOTE, kinds.texts)


def _before(neighbours: list[Block]) -> Iterator[Block]:
    """Yield captions up to the first text, which is the last one."""
    for other in neighbours:
        if other.label not in labels.TEXTS | labels.VISION_TITLES:
            return
        is_text = other.label in labels.TEXTS
        yield other
        if is_text:
            return


def _after(neighbours: list[Block], has_note: bool) -> Iterator[Block]:
    """Yield neighbours up to the first text, which is the last one, unless there is a note already."""
    for other in neighbours:
        is_text = other.label in labels.TEXTS
        if has_note and is_text:
            return
        yield other
        if is_text:
            return


def _is_note(block: Block, other: Block) -> bool:
    if other.direction != block.direction or other.long >= block.long:
        return False
    is_centred = abs(block.centre[0] - other.centre[0]) < 10
    is_small = other.short < block.short and other.long < 0.5 * block.long and is_centred
    is_flush = block.box[0] - other.box[0] < 10 or block.box[2] - other.box[2] < 10
    return is_small or (is_flush and other.line_count == 1)


def _of_region(block: Block, region: Region) -> None:
    """A region has those that are smaller and share something with it."""
    for other in region.blocks:
        if other.index == block.index or other.role == SUB_REGION:
            continue
        if overlap(block.box, other.box) > 0 and block.area > other.area:
            _take(block, other, SUB_REGION, region.kinds.texts)
