"""A kind of value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Light(Kind):
    """From 0, black, to 1, white."""

    measure = "light"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return it with three digits."""
        return round(value, 3)

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write it beneath the picture."""
        canvas.caption(f"light {value:.3f}")

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count whether it is nearly the same."""
        return int(found is not None and abs(found - expected) < 0.01), 1


KIND = Light()
