"""cells: those of a table, in the order of its HTML: four corners each as eight numbers, or two as four, in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures.geometry import corners, covered

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Cells(Kind):
    """Of tables."""

    measure = "cells"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, all in one colour."""
        for cell in value:
            canvas.polygon(corners(cell), 0, is_filled=False)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that have a counterpart, which covers nearly the same."""
        return covered([corners(cell) for cell in found or []], [corners(cell) for cell in expected])


KIND = Cells()
