"""Blocks: the parts of a page, and regions, which are blocks of blocks. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from hpi_runtime.documents import labels
from hpi_runtime.documents.boxes import HORIZONTAL, VERTICAL, Box, across, ends

# Sizes of lines where a region has none, in pixels.
_LINE_WIDTH, _LINE_HEIGHT = 20, 10
# A block that starts or ends so near to a margin goes on from the one before or in the next, in pixels.
_NEAR = 10


class Block:
    """A part of a page, or a region.

    Attributes:
        label: what it is.
        role: what it is in reading order; None until that is looked for.
        box: left, top, right, bottom; around its children too, while it has some.
        content: its text.
        direction: of its lines.
        across: the other direction.
        start, end: where it began and ended along its direction when that was last found out.
        across_start, across_end: the same across its direction.
        text_start, text_end: where its first line begins and its last one ends.
        line_count: of its text.
        line_height, line_width: of its lines, in the mean.
        index: its place in its region.
        number: in the reading order of the page, from 0.
        order: the same among those that are numbered, from 1; None if it is not.
    """

    def __init__(self, label: str, box: Box) -> None:
        """Take a part of a page."""
        self.label = label
        self.role: str | None = None
        self.box: list[Any] = [int(side) for side in box]
        self.content = ""
        self.width = box[2] - box[0]
        self.height = box[3] - box[1]
        self.area = float(self.width) * float(self.height)
        self.text_start, self.text_end = inf, -inf
        self.line_count = 1
        self.line_height: float = 1
        self.line_width: float = 1
        self.index = self.number = 0
        self.order: int | None = None
        self.children: list[Block] = []
        self.turn(HORIZONTAL if self.width >= self.height else VERTICAL)

    def turn(self, direction: str) -> None:
        """Set the direction of its lines."""
        self.direction, self.across = direction, across(direction)
        self.settle()

    def settle(self) -> None:
        """Find out where it begins and ends."""
        self.start, self.end = ends(self.box, self.direction)
        self.across_start, self.across_end = ends(self.box, self.across)

    @property
    def short(self) -> float:
        """Its length across its direction, without children."""
        return float(self.height if self.direction == HORIZONTAL else self.width)

    @property
    def long(self) -> float:
        """Its length along its direction, without children."""
        return float(self.width if self.direction == HORIZONTAL else self.height)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of its box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    def adopt(self, child: Block) -> None:
        """Take another one, with its children, as a child: the two keep together in reading order."""
        if not self.children:
            self._own = self.box
        (left, top, right, bottom), (left2, top2, right2, bottom2) = self.box, child.box
        self.box = [min(left, left2), min(top, top2), max(right, right2), max(bottom, bottom2)]
        self.settle()
        self.children += [child, *child.release()]

    def release(self) -> list[Block]:
        """Return its children, and have none any more."""
        if self.children:
            self.box = self._own
        children, self.children = self.children, []
        return children

    def continues(self, before: Block | None) -> tuple[bool, bool]:
        """Tell whether its text begins a paragraph, and whether it ends one, by the block before it."""
        left, right = self.start, self.end
        if before is None:
            return bool(self.text_start - left >= _NEAR), bool(right - self.text_end >= _NEAR)
        is_full = abs(before.end - before.text_end) < _NEAR
        gap = abs(self.start - before.end)
        if left < before.end and right > before.start:
            left, right = min(before.start, left), max(before.end, right)
            is_full, gap = abs(right - before.text_end) < _NEAR, 0
        is_flush = self.text_start - left < _NEAR
        goes_on = is_full and is_flush and before.line_count > 1 and gap < max(before.width, self.width)
        return not goes_on, bool(right - self.text_end >= _NEAR)


@dataclass
class Kinds:
    """The blocks of a region by what they are, as their places in it."""

    headers: list[int] = field(default_factory=list)
    titles: list[int] = field(default_factory=list)
    vision_titles: list[int] = field(default_factory=list)
    footers: list[int] = field(default_factory=list)
    unordered: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)

    def of(self, label: str) -> list[int] | None:
        """Return the list that a label belongs to, None for none."""
        known = (
            (labels.HEADERS, self.headers),
            (labels.DOC_TITLES | labels.VISIONS, None),
            (labels.TITLES, self.titles),
            (labels.VISION_TITLES, self.vision_titles),
            (labels.FOOTERS, self.footers),
            (labels.UNORDERED, self.unordered),
        )
        return next((places for own, places in known if label in own), self.texts)


class Region(Block):
    """Blocks that are read together.

    Attributes:
        blocks: they.
        kinds: what they are.
        centre_along, centre_across: its middle along its direction and across it.
        distance: of its nearest block from the corner where reading begins.
    """

    def __init__(self, box: Box, blocks: Sequence[Block]) -> None:
        """Take blocks, or regions of them."""
        super().__init__(labels.REGION, box)
        self.blocks = list(blocks)
        self.kinds = Kinds()
        for index, block in enumerate(self.blocks):
            block.index = index
            places = self.kinds.of(block.label)
            if places is not None:
                places.append(index)
        texts = self.of(self.kinds.texts)
        is_horizontal = sum(block.direction == HORIZONTAL for block in texts) >= len(texts) * 0.5
        self.turn(HORIZONTAL if is_horizontal else VERTICAL)
        self.line_width = _mean((block.line_width for block in texts), _LINE_WIDTH)
        self.line_height = _mean((block.line_height for block in texts), _LINE_HEIGHT)
        self.line_count = 10
        self.centre_along = sum(ends(self.box, self.direction)) / 2
        self.distance = min(map(self._distance, self.blocks), default=0.0)

    def of(self, places: Iterable[int]) -> list[Block]:
        """Return blocks by their places."""
        return [self.blocks[place] for place in places]

    def _distance(self, block: Block) -> float:
        left, top, right, _ = block.box
        along = left if self.direction == HORIZONTAL else right - self.box[2]
        return float((along**2 + top**2) ** 0.5)


def _mean(values: Iterable[float], usual: float) -> float:
    # A number of NumPy's, which divides by zero without an exception.
    found = list(values)
    return np.mean(found) if found else usual  # type: ignore[return-value]
