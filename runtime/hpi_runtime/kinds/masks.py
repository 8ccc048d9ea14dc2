"""masks: of things in boxes, each as high and wide as its box in whole pixels, 1 where the thing is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

# Two masks are the same if so much of their pixels is.
_SAME = 0.99


class Masks(Kind):
    """Beside them stand the boxes that they are ``at``."""

    measure = "masks"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the masks as lists."""
        return [np.asarray(mask).tolist() for mask in value]

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Colour things on the page, those of one label in one colour."""
        boxes = beside["at"]
        colours = {label: place for place, label in enumerate(dict.fromkeys(box["label"] for box in boxes))}
        for box, mask in zip(boxes, value, strict=True):
            left, top = (round(side) for side in box["coordinate"][:2])
            canvas.region(np.array(mask) != 0, colours[box["label"]], (left, top))

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that are nearly the same at the same place."""
        same = sum(_are_same(one, other) for one, other in zip(found or [], expected, strict=False))
        return same, max(len(found or []), len(expected))


KIND = Masks()


def _are_same(one: Any, other: Any) -> bool:
    first, second = np.array(one), np.array(other)
    return first.shape == second.shape and bool((first == second).mean() >= _SAME if first.size else True)
