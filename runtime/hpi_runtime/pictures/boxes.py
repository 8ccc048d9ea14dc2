"""Boxes of a detector: which of them count, by PaddleX's rules for the parts of a page, and how they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Boxes = np.ndarray[Any, Any]

LARGE, SMALL, UNION = MODES = ("large", "small", "union")
# Boxes that overlap more than this are one: of the same class, and of two.
_SAME, _OTHER = 0.6, 0.98
# A box lies in another if this part of it does.
_INSIDE = 0.9
# A picture that covers more than this part of a page is the page: of one that is wider than high, and of others.
_WIDE, _HIGH = 0.82, 0.93
_PICTURE, _FORMULA = "image", "formula"
_ORDERED_TWICE = 8


@dataclass(frozen=True)
class Rules:
    """What counts.

    Attributes:
        labels: of the classes.
        nms: whether boxes that overlap a better one are left out.
        merge: which of nested boxes stay, as one mode or by class; None keeps all.
        unclip: by how much width and height grow, as one pair or by class; None by nothing.
    """

    labels: Sequence[str]
    nms: bool
    merge: str | Mapping[int, str] | None
    unclip: tuple[float, float] | Mapping[int, tuple[float, float]] | None


def kept(boxes: Boxes, rules: Rules, size: tuple[int, int]) -> Boxes:
    """Return the boxes that count.

    Args:
        boxes: n × 6 and more: class, score, left, top, right, bottom.
        rules: what counts.
        size: width and height of the page.
    """
    if rules.nms and len(boxes):
        boxes = boxes[_best(boxes)]
    if len(boxes) > 1 and boxes.shape[1] <= _ORDERED_TWICE:
        boxes = _without_page(boxes, rules.labels, size)
    if rules.merge and len(boxes):
        boxes = boxes[_merged(boxes, rules)]
    return boxes


def unclipped(boxes: Boxes, ratios: tuple[float, float] | Mapping[int, tuple[float, float]] | None) -> Boxes:
    """Return boxes grown around their middle, whose class says by how much."""
    if not ratios:
        return boxes
    by_class = ratios if isinstance(ratios, Mapping) else dict.fromkeys(map(int, boxes[:, 0]), ratios)
    grown = boxes.copy()
    for box, out in zip(boxes, grown, strict=True):
        if int(box[0]) in by_class:
            wide, high = by_class[int(box[0])]
            _, _, left, top, right, bottom = box
            width, height = right - left, bottom - top
            x, y = left + width / 2, top + height / 2
            new_width, new_height = width * wide, height * high
            out[2:] = x - new_width / 2, y - new_height / 2, x + new_width / 2, y + new_height / 2
    return np.asarray(grown)


def _best(boxes: Boxes) -> list[int]:
    """Return which boxes stay, best first: those that overlap no better one too much."""
    order = np.argsort(boxes[:, 1])[::-1]
    found: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        found.append(int(best))
        limits = np.where(boxes[order, 0] == boxes[best, 0], np.float32(_SAME), np.float32(_OTHER))
        order = order[_overlaps(boxes[best], boxes[order]) < limits]
    return found


def _overlaps(box: Boxes, others: Boxes) -> Boxes:
    """Return intersection over union; as in PaddleX, both ends of a side are pixels of it."""
    left, top = np.maximum(box[2], others[:, 2]), np.maximum(box[3], others[:, 3])
    right, bottom = np.minimum(box[4], others[:, 4]), np.minimum(box[5], others[:, 5])
    shared = np.maximum(0, right - left + 1) * np.maximum(0, bottom - top + 1)
    own = (box[4] - box[2] + 1) * (box[5] - box[3] + 1)
    areas = (others[:, 4] - others[:, 2] + 1) * (others[:, 5] - others[:, 3] + 1)
    return np.asarray(shared / (own + areas - shared))


def _without_page(boxes: Boxes, labels: Sequence[str], size: tuple[int, int]) -> Boxes:
    """Leave out pictures that cover the page, unless nothing else is there."""
    if _PICTURE not in labels:
        return boxes
    width, height = size
    left, top = np.maximum(0, boxes[:, 2]), np.maximum(0, boxes[:, 3])
    right, bottom = np.minimum(width, boxes[:, 4]), np.minimum(height, boxes[:, 5])
    largest = (_WIDE if width > height else _HIGH) * width * height
    stays = (boxes[:, 0] != labels.index(_PICTURE)) | ((right - left) * (bottom - top) <= largest)
    return np.asarray(boxes[stays]) if stays.any() else boxes


def _merged(boxes: Boxes, rules: Rules) -> Boxes:
    """Return which of nested boxes stay."""
    inside = _inside(boxes)
    if _FORMULA in rules.labels:
        formula = rules.labels.index(_FORMULA)
        # A formula may stand in a text.
        inside &= ~((boxes[:, 0] == formula)[:, np.newaxis] & (boxes[:, 0] != formula))
    if isinstance(rules.merge, str):
        return _staying(inside, rules.merge)
    stays = np.ones(len(boxes), bool)
    for number, mode in (rules.merge or {}).items():
        own = boxes[:, 0] == number
        # Large: what lies in a box of the class; small: where a box of the class lies.
        stays &= _staying(inside & (own if mode == LARGE else own[:, np.newaxis]), mode)
    return stays


def _staying(inside: Boxes, mode: str) -> Boxes:
    is_inside, holds = inside.any(axis=1), inside.any(axis=0)
    if mode == LARGE:
        return np.asarray(~is_inside)
    return np.asarray(~holds | is_inside) if mode == SMALL else np.ones(len(inside), bool)


def _inside(boxes: Boxes) -> Boxes:
    """Return for each pair whether the first lies in the second."""
    left, top, right, bottom = (boxes[:, place] for place in range(2, 6))
    wide = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    high = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    shared = np.maximum(0, wide) * np.maximum(0, high)
    areas = ((right - left) * (bottom - top))[:, None]
    part = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    found = part >= _INSIDE
    np.fill_diagonal(found, False)
    return np.asarray(found)
