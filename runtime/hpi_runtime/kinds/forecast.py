"""forecast: the next rows of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.rows import Rows

if TYPE_CHECKING:
    from hpi_runtime.results.plot import Plot


class Forecast(Rows):
    """Drawn behind what was."""

    def draw(self, canvas: Plot, value: Any, beside: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Draw each column behind the same column of the series."""
        time, *columns = value[0]
        times, past = canvas.past(len(value))
        for place, name in enumerate(columns):
            canvas.line(times, past.get(name, ()), place, f"{name}: what was", is_past=True)
            canvas.line([row[time] for row in value], [row[name] for row in value], place, f"{name}: forecast")


KIND = Forecast()
