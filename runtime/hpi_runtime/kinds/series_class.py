"""series_class: what kind a series is, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed
from hpi_runtime.kinds.rows import Rows

if TYPE_CHECKING:
    from hpi_runtime.results.plot import Plot

_CLASS, _SCORE = "classid", "score"


class SeriesClass(Rows):
    """One row, drawn beside the series."""

    measure = "classes"

    def draw(self, canvas: Plot, value: Any, beside: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Draw the columns of the series, and write the class above."""
        times, past = canvas.past()
        for place, (name, numbers) in enumerate(past.items()):
            canvas.line(times, numbers, place, name)
        canvas.title(f"class {value[0][_CLASS]}, {value[0][_SCORE]:.2f}")

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Tell whether it is the same class."""
        return int(bool(found) and bool(expected) and found[0][_CLASS] == expected[0][_CLASS]), 1


KIND = SeriesClass()
