"""Regions of a page: which blocks are read together. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hpi_runtime.documents import labels
from hpi_runtime.documents.boxes import SMALLER, Box, area, around, overlap

# A block is of a region that covers this part of it.
_COVERED = 0.6
# For each side of a box, the one across from it.
_OPPOSITE = {0: 2, 1: 3, 2: 0, 3: 1}

Boxes = Sequence[Box]
Parted = tuple[list[Any], list[list[int]]]


def parted(regions: Iterable[Box], blocks: Boxes, names: Sequence[str], size: tuple[int, int], page: Box) -> Parted:
    """Return the regions of a page, and which blocks each has, by their places.

    Args:
        regions: that were found.
        blocks: boxes of the blocks.
        names: their labels.
        size: width and height of the page.
        page: the region where none was found.
    """
    found = sorted(regions, key=area)
    if not found:
        return [page], [list(range(len(blocks)))]
    is_beside = [name in labels.BESIDE for name in names]
    beside = [place for place, aside in enumerate(is_beside) if aside]
    left = list(range(len(blocks)))
    owned: list[list[int]] = []
    for number, region in enumerate(found):
        inner = [place for place in left if not is_beside[place]]
        own = _covered(region, blocks, inner)
        if own:
            found[number], own = _grown(blocks, own, inner)
            left = [place for place in left if place not in own]
        owned.append(own)
    while len(left) > len(beside):
        taken = [region for region, has in zip(found, owned, strict=True) if has]
        own = [place for place in _beside_taken(blocks, left, taken, size) if not is_beside[place]]
        own = own or [place for place in left if not is_beside[place]]
        found.append(around(blocks[place] for place in own))
        owned.append(own)
        left = [place for place in left if place not in own]
    return [*found, *(blocks[place] for place in beside)], [*owned, *([place] for place in beside)]


def _covered(region: Box, blocks: Boxes, places: Iterable[int]) -> list[int]:
    return [place for place in places if overlap(region, blocks[place], SMALLER) > _COVERED]


def _grown(blocks: Boxes, own: list[int], places: Sequence[int]) -> tuple[Any, list[int]]:
    """Return the box around blocks, and the blocks that it covers, until there are no more of them."""
    before = -1
    while before != len(own):
        before = len(own)
        box = around(blocks[place] for place in own)
        own = _covered(box, blocks, places)
    return box, own


def _beside_taken(blocks: Boxes, left: list[int], regions: Boxes, size: tuple[int, int]) -> list[int]:
    """Return the blocks that are left in what is left when regions are cut off; none if it overlaps no region."""
    box = around(blocks[place] for place in left)
    own: list[int] = []
    for region in regions:
        if overlap(box, region) > 0:
            box, own = _shrunk(box, region, size, left, blocks)
    return own


def _shrunk(
    box: Any, region: Box, size: tuple[int, int], places: Sequence[int], blocks: Boxes
) -> tuple[Any, list[int]]:
    """Return a box cut back to a side of a region that it overlaps, and the blocks that it covers then.

    The sides are tried from the one that costs least; a cut that leaves no block stays for the next one.
    """
    (left, top, right, bottom), (left2, top2, right2, bottom2) = box, region
    width, height = size
    costs = [(left2 - left) / width, (top2 - top) / height, (right - right2) / width, (bottom - bottom2) / height]
    tried = np.array(box)
    # Of sides that cost the same, the first.
    for cost in sorted(costs)[:3]:
        side = costs.index(cost)
        tried[side] = region[_OPPOSITE[side]]
        own = _covered(tried, blocks, places)
        if own:
            return around(blocks[place] for place in own), own
    return tried, []
