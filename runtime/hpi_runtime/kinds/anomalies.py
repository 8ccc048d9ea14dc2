"""anomalies: which moments of a series are unusual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.rows import Rows

if TYPE_CHECKING:
    from hpi_runtime.results.plot import Plot

_LABEL = "label"


class Anomalies(Rows):
    """Drawn over the series."""

    def draw(self, canvas: Plot, value: Any, beside: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Draw the columns of the series, and mark the moments."""
        time = next(iter(value[0]))
        times, past = canvas.past()
        for place, (name, numbers) in enumerate(past.items()):
            canvas.line(times, numbers, place, name)
        canvas.mark([row[time] for row in value if row[_LABEL]], "unusual")


KIND = Anomalies()
