"""described: things in a picture with what they are like: ``labels``, ``cls_scores``, ``det_score``, ``coordinate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures.geometry import corners, covered_by_kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Described(Kind):
    """The coordinates are left, top, right and bottom, in pixels."""

    measure = "boxes"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, each in a colour of its own, with what it is like."""
        for index, box in enumerate(value):
            canvas.polygon(corners(box["coordinate"]), index, ", ".join(box["labels"]), is_filled=False)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that have a counterpart of the same labels, which covers nearly the same."""
        return covered_by_kind(found or [], expected, _like, lambda box: corners(box["coordinate"]))


KIND = Described()


def _like(box: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(box["labels"]))
