"""text: what a line says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind, anywhere, listed

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Text(Kind):
    """Of one picture; beside it stands its ``score``."""

    measure = "texts"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write it beneath the picture."""
        canvas.caption(f"{value}  {beside['score']:.3f}")

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count whether it is the same, to the character."""
        return anywhere(listed(found), listed(expected))


KIND = Text()
