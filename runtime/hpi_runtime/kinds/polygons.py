"""polygons: around lines of text, n × 4 × 2, clockwise from where the text begins; a list where they have more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures.geometry import covered, owner, shared

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

# A true line is found if boxes cover this part of it.
_COVERED = 0.7


class Polygons(Kind):
    """Of lines of text."""

    measure = "boxes"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the corners as lists of numbers."""
        return [np.asarray(poly).tolist() for poly in value]

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, each in a colour of its own."""
        for index, poly in enumerate(value):
            canvas.polygon(poly, index)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that have a counterpart, which covers nearly the same."""
        return covered(found or [], expected)

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count the true lines that are covered."""
        polys = [np.array(poly, np.float32) for poly in found or []]
        wanted = [np.array(line["poly"], np.float32) for line in true]
        owners = [owner(poly, wanted) for poly in polys]
        counts = Counter(boxes=len(wanted))
        for index, line in enumerate(wanted):
            own = [poly for poly, place in zip(polys, owners, strict=True) if place == index]
            part = sum(shared(line, poly) for poly in own)
            counts["boxes_found"] += int(part >= _COVERED * cv2.contourArea(line))
        return counts


KIND = Polygons()
