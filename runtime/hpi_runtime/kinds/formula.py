"""formula: what a formula says, as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind, anywhere, listed

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Formula(Kind):
    """Of one picture."""

    measure = "formulas"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write it beneath the picture."""
        canvas.caption(value)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count whether it is the same, to the character."""
        return anywhere(listed(found), listed(expected))


KIND = Formula()
