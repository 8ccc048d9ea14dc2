"""label_set: the names of all classes that are in a picture, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class LabelSet(Kind):
    """Their classes are compared; beside them stand ``scores``."""

    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write them beneath the picture, a line each."""
        for label, score in zip(value, beside["scores"], strict=True):
            canvas.caption(f"{label}  {score:.3f}")


KIND = LabelSet()
