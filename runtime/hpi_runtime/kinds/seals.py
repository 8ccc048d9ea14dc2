"""seals: stamps of a page: of each the record of what was read on it, in pixels of the stamp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds import polygons
from hpi_runtime.kinds.base import Agreed, Kind, in_place

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

_LABEL = "seal"
_OUTLINES = ("dt_polys", "rec_polys")


class Seals(Kind):
    """Beside them stands the ``layout`` that says where they are; a page without one is a single stamp."""

    measure = "seals"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the outlines of lines as lists of numbers."""
        return [{**seal, **{name: polygons.KIND.to_json(seal[name]) for name in _OUTLINES}} for seal in value]

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw the lines of each stamp on the page, each with what it says."""
        corners = _corners(beside.get("layout"), len(value))
        lines = [
            (text, np.asarray(poly) + corner)
            for seal, corner in zip(value, corners, strict=True)
            for text, poly in zip(seal["rec_texts"], seal["rec_polys"], strict=True)
        ]
        for number, (text, poly) in enumerate(lines):
            canvas.polygon(poly.tolist(), number, text)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count the stamps that say the same, at the same place."""
        return in_place(*([seal["rec_texts"] for seal in seals or []] for seals in (found, expected)))


KIND = Seals()


def _corners(layout: Any, count: int) -> list[Any]:
    """Return where the left and top of each stamp is."""
    if layout is None:
        return [(0, 0)] * count
    boxes = [box["coordinate"] for box in layout["boxes"] if box["label"].lower() == _LABEL]
    return [(int(min(box[0::2])), int(min(box[1::2]))) for box in boxes][:count]
