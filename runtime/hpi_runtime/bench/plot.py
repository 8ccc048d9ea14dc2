"""Figures as a picture: what each plan spends its time on, as stacked bars."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from hpi_schemas.files import Kind, Outputs
from hpi_schemas.packages import install

from hpi_runtime.bench.figures import Measured
from hpi_runtime.errors import PlanError
from hpi_runtime.run.runner import INFERENCE

_HEIGHT_PER_PLAN, _WIDTH = 0.7, 10.0
_DPI = 150
_MARK = "hpi-bench --plot"
_MOST_BYTES = 16 << 20
# Parts shorter than this share of the longest bar have no room for their number.
_LABELLED = 0.06


def parts(item: Measured) -> dict[str, float]:
    """Return what a plan spends its time on, in milliseconds per picture: inference by module, the rest together."""
    found: dict[str, float] = {}
    rest = 0.0
    for name, kinds in item.steps.items():
        if INFERENCE in kinds:
            found[name.rpartition(".")[2]] = kinds[INFERENCE]
        rest += sum(value for kind, value in kinds.items() if kind != INFERENCE)
    return {**found, "everything else": rest}


def check(path: Path, outputs: Outputs) -> None:
    """Look whether ``plot`` could write a file, before minutes are spent on what it would draw.

    Raises:
        PlanError: matplotlib is not installed, or draws no such file.
        OutputError: what is there must not be written over.
    """
    known = _pyplot().FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise PlanError(f"--plot {path}: its suffix must name a format: {', '.join(sorted(known))}")
    outputs.check(path, _PLOT)


def _pyplot() -> Any:
    try:
        import matplotlib as mpl

        mpl.use("agg")
        from matplotlib import pyplot
    except ImportError:
        raise PlanError(f"--plot needs matplotlib: {install('bench')}") from None
    return pyplot


def plot(measured: Sequence[Measured], path: Path, outputs: Outputs) -> None:
    """Draw the bars into a file, whose suffix says the format.

    Raises:
        PlanError: matplotlib is not installed, or cannot write such a file.
    """
    pyplot = _pyplot()
    bars = [parts(item) for item in measured]
    names = list(dict.fromkeys(name for bar in bars for name in bar))
    figure, axes = pyplot.subplots(figsize=(_WIDTH, 1.8 + _HEIGHT_PER_PLAN * len(bars)), layout="constrained")
    longest = max(sum(bar.values()) for bar in bars)
    starts = [0.0] * len(bars)
    for name in names:
        widths = [bar.get(name, 0.0) for bar in bars]
        labels = [f"{width:.1f}" if width > _LABELLED * longest else "" for width in widths]
        drawn = axes.barh(range(len(bars)), widths, left=starts, label=name, color=_colour(name, names))
        axes.bar_label(drawn, labels, label_type="center", color="white", fontsize=9)
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    axes.set_yticks(range(len(bars)), [item.name for item in measured])
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds per picture, one at a time")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=len(names), frameon=False)
    stream = BytesIO()
    try:
        figure.savefig(stream, dpi=_DPI, format=path.suffix[1:].lower(), metadata=_metadata(path))
    except (OSError, ValueError) as fault:
        raise PlanError(f"{path} cannot be drawn: {fault}") from None
    finally:
        pyplot.close(figure)
    outputs.write(path, stream.getvalue(), _PLOT)


def _metadata(path: Path) -> dict[str, str] | None:
    """Return what marks a picture as ours, in the formats that keep it."""
    key = {".pdf": "Creator", ".png": "Software", ".svg": "Creator"}.get(path.suffix.lower())
    return None if key is None else {key: _MARK}


def _is_plot(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES)
    except OSError:
        return False
    return _MARK.encode() in data


_PLOT = Kind("plot of hpi-bench", _is_plot)


def _colour(name: str, names: Sequence[str]) -> str:
    # Okabe and Ito's palette, told apart by colour-blind people too; jfly.uni-koeln.de/color.
    palette = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
    return "#8A8A8A" if name == names[-1] else palette[names.index(name) % len(palette)]
