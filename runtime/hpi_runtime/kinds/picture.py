"""picture: height × width × 3, BGR, uint8. No JSON: it is drawn and saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Picture(Kind):
    """The drawing shows it instead of the input."""

    is_drawn = True
    is_json = False

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Put it in the place of the page."""
        canvas.show(value)


KIND = Picture()
