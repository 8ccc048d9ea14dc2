"""boxes: things in a picture: a list of ``cls_id``, ``label``, ``score`` and ``coordinate``.

The coordinates are left, top, right and bottom, or four corners, in pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures import geometry
from hpi_runtime.pictures.geometry import covered, covered_by_kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

# A true thing is found if a box of its label has this part of their union in common with it.
_FOUND = 0.5


class Boxes(Kind):
    """Boxes of classes."""

    measure = "boxes"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, with label and score; what has one label has one colour."""
        colours = {label: place for place, label in enumerate(dict.fromkeys(box["label"] for box in value))}
        for box in value:
            canvas.polygon(_corners(box), colours[box["label"]], f"{box['label']} {box['score']:.2f}", is_filled=False)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that have a counterpart of the same class, which covers nearly the same."""
        return covered_by_kind(found or [], expected, lambda box: box["cls_id"], _corners)

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count the true things that were found, each with its ``label`` and ``coordinate``."""
        same = 0
        for label in sorted({thing["label"] for thing in true}):
            own = [_corners(box) for box in found or [] if box["label"] == label]
            same += covered(own, [_corners(thing) for thing in true if thing["label"] == label], _FOUND)[0]
        return Counter(boxes=len(true), boxes_found=same)


KIND = Boxes()


def _corners(box: Mapping[str, Any]) -> list[list[float]]:
    return geometry.corners(box["coordinate"])
