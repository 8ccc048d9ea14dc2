"""formulas: those of a page: a list of ``rec_formula``, ``formula_region_id`` and, where it was found, ``dt_polys``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind, in_place
from hpi_runtime.pictures.geometry import corners

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

_TEXT, _PLACE = "rec_formula", "dt_polys"


class Formulas(Kind):
    """In the order in which they were found."""

    measure = "formulas"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return their places as PaddleX writes them: a box in a list."""
        return [
            {**formula, _PLACE: [[float(side) for side in formula[_PLACE]]]} if _PLACE in formula else dict(formula)
            for formula in value
        ]

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw their boxes on the page, and write them into the same boxes beside it; one alone beneath it."""
        placed = [formula for formula in value if _PLACE in formula]
        if placed:
            canvas.add_page()
        for number, formula in enumerate(placed):
            box = corners(formula[_PLACE][0])
            canvas.polygon(box, number)
            canvas.write(formula[_TEXT], box, number)
        for formula in value:
            if _PLACE not in formula:
                canvas.caption(formula[_TEXT])

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that say the same, at the same place in the list."""
        return in_place(*([formula[_TEXT] for formula in formulas or []] for formulas in (found, expected)))


KIND = Formulas()
