"""A plot of a result that is about a series."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import PIL.Image
from hpi_schemas.packages import missing
from hpi_schemas.values import Value

from hpi_runtime import kinds
from hpi_runtime.errors import PlanError
from hpi_runtime.results.fonts import font_for
from hpi_runtime.series.table import Table, labels

# Inches, and dots in one; as PaddleX's plots.
_SIZE, _DENSITY = (12, 6), 100
_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")
# More lines than these nobody tells apart.
_MOST_LINES, _TICKS = 8, 12
_LETTERS = 12


class Plot:
    """Takes in what kinds draw of a series."""

    def __init__(self, series: Table) -> None:
        """Take the table that was looked at, by its moments.

        Raises:
            PlanError: matplotlib is not installed.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as fault:
            raise PlanError(missing("matplotlib")) from fault
        self._series = series
        # Not by pyplot, which is for one thread.
        self._figure = Figure(figsize=_SIZE, dpi=_DENSITY, layout="constrained")
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_subplot()
        self._places: dict[str, int] = {}
        self._texts: list[str] = []

    def past(self, count: int | None = None) -> tuple[Sequence[str], dict[str, Sequence[Any]]]:
        """Return the last moments of what was looked at, and the numbers of each column then."""
        table = self._series if count is None else self._series.tail(count)
        return labels(table.index), {str(name): table[name].tolist() for name in table.columns}

    def line(self, times: Sequence[Any], values: Sequence[Any], place: int, label: str, is_past: bool = False) -> None:
        """Draw a line in the colour of a place."""
        if place >= _MOST_LINES or not len(values):
            return
        style = "--" if is_past else "-"
        places = [self._place(str(time)) for time in times]
        self._texts.append(label)
        self._axes.plot(places, values, style, color=_COLOURS[place % len(_COLOURS)], label=label.replace("$", "\\$"))

    def mark(self, times: Sequence[Any], label: str) -> None:
        """Mark moments; those beside each other together."""
        spans: list[list[int]] = []
        for place in sorted(self._place(str(time)) for time in times):
            if spans and spans[-1][1] == place - 1:
                spans[-1][1] = place
            else:
                spans.append([place, place])
        for number, (first, last) in enumerate(spans):
            shown = label if number == 0 else None
            self._axes.axvspan(first - 0.5, last + 0.5, color="tab:red", alpha=0.35, linewidth=0, label=shown)

    def title(self, text: str) -> None:
        """Write a line above."""
        self._texts.append(text)
        self._axes.set_title(text.replace("$", "\\$"))

    def finish(self) -> PIL.Image.Image:
        """Return all of it as one picture."""
        ticks = list(self._places.items())[:: max(1, len(self._places) // _TICKS)]
        self._axes.set_xticks([place for _, place in ticks], [time for time, _ in ticks], rotation=30, ha="right")
        self._axes.grid(True)
        if self._axes.get_legend_handles_labels()[0]:
            self._axes.legend(prop=self._font())
        stream = io.BytesIO()
        self._canvas.print_png(stream)
        return PIL.Image.open(stream).convert("RGB")

    def _font(self) -> Any:
        """Return a font that has the characters of names, None for matplotlib's own."""
        from matplotlib.font_manager import FontProperties

        path = getattr(font_for(self._texts, _LETTERS), "path", None) if not "".join(self._texts).isascii() else None
        return FontProperties(fname=path) if isinstance(path, str) else None

    def _place(self, time: str) -> int:
        return self._places.setdefault(time, len(self._places))


def plot(record: Mapping[str, Any], fields: Mapping[str, Value], series: Table) -> PIL.Image.Image:
    """Return a plot of a result.

    Args:
        record: of the result.
        fields: what each of its fields is.
        series: the table that it is about, by its moments.

    Raises:
        PlanError: matplotlib is not installed.
    """
    drawn = Plot(series)
    for name, field in fields.items():
        kind: Any = kinds.find(field.kind)
        if field.draw and kind.is_drawn and record.get(name):
            kind.draw(drawn, record[name], kinds.beside(record, field))
    return drawn.finish()
