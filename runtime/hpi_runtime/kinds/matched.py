"""matched: things in a picture with what they are like: ``labels``, ``rec_scores``, ``det_score``, ``coordinate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures.geometry import corners, covered_by_kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

_UNKNOWN = "?"


class Matched(Kind):
    """The coordinates are left, top, right and bottom, in pixels."""

    measure = "boxes"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, each in a colour of its own, with what it is most like and how much."""
        for index, box in enumerate(value):
            best = _best(box)
            caption = f"{best} {box['rec_scores'][0]:.2f}" if best else _UNKNOWN
            canvas.polygon(corners(box["coordinate"]), index, caption, is_filled=False)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that have a counterpart which is most like the same, and covers nearly the same."""
        return covered_by_kind(found or [], expected, _best, lambda box: corners(box["coordinate"]))


KIND = Matched()


def _best(box: Mapping[str, Any]) -> str:
    """Return what it is most like, nothing if it is like nothing."""
    return (box["labels"] or [None])[0] or ""
