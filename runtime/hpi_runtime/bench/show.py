"""Figures as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from hpi_schemas.profile import COLD, LATENCY, THROUGHPUT, WAYS, Combination, Figures, Profile
from hpi_schemas.tables import cell, table_console

from hpi_runtime.bench.confirming import missing
from hpi_runtime.bench.figures import Measured, percentile, ratio
from hpi_runtime.bench.names import name_of
from hpi_runtime.run.runner import DECODE, GLUE, INFERENCE, POSTPROCESS, PREPROCESS

_TIMES = {LATENCY: ("ms alone", "×"), THROUGHPUT: ("ms in one go", "×"), COLD: ("ms from a start", "×")}
_ANSWERS = ("same results", "accuracy")
_KINDS = (DECODE, PREPROCESS, INFERENCE, POSTPROCESS, GLUE)


def show(measured: Sequence[Measured]) -> None:
    """Print the tables on stdout."""
    console = table_console(sys.stdout)
    console.print(_side_by_side(measured))
    for item in measured:
        console.print()
        console.print(_steps(item))
        for line in (*item.warnings, *item.failed):
            console.print(cell(f"{item.name}: {line}"))


def profile(found: Profile) -> None:
    """Print what was measured of each module, the fastest first, and of the whole pipeline."""
    console, columns = table_console(sys.stdout), _columns(found)
    for address, record in found.modules.items():
        title = f"{address}: ms per input; × is the time ÷ that of the plan's own engine"
        table = _table(title, ("candidate", *columns))
        for entry in sorted(record.entries, key=lambda entry: entry.takes(found.ways[0])):
            if entry.fault is None:
                table.add_row(cell(name_of(entry)), *_cells(entry, found))
        console.print(table)
        if not record.finished:
            console.print("the budget was spent before everything promising was measured; the same command goes on")
        for entry in record.entries:
            if entry.fault is not None:
                console.print(cell(f"{name_of(entry)}: {entry.fault}"))
        console.print()
    _show_together(found, console)


def _show_together(found: Profile, console: Any) -> None:
    inputs = found.inputs
    where = f"{inputs.held_back} inputs held back" if inputs.held_back else f"the same {inputs.pictures} inputs"
    table = _table(f"the whole pipeline on {where}: ms per input; × as above", ("engines", *_columns(found)))
    for combination in sorted(found.combinations, key=lambda one: one.takes(found.ways[0])):
        if combination.fault is None:
            table.add_row(cell(_names(combination, found)), *_cells(combination, found))
    console.print(table)
    for combination in found.combinations:
        if combination.fault is not None:
            console.print(cell(f"{_names(combination, found)}: {combination.fault}"))
    if missing(found):
        console.print("the budget was spent before all were measured; the same command goes on")


def _names(combination: Combination, found: Profile) -> str:
    """Return what differs in a combination from the plan's own."""
    names = [
        f"{address.rpartition('.')[2]}: {name_of(found.modules[address].entries[place])}"
        for address, place in combination.entries.items()
        if place
    ]
    return "\n".join(names) or "the plan's own"


def _ways(profile: Profile) -> tuple[str, ...]:
    """Return the times that there are in a profile, those that count first."""
    return tuple(dict.fromkeys((*profile.ways, *WAYS)))


def _columns(profile: Profile) -> list[str]:
    return [*(name for way in _ways(profile) for name in _TIMES[way]), *_ANSWERS]


def _cells(found: Figures, profile: Profile) -> list[str]:
    """Return the columns of figures."""
    times = [
        "" if figures is None or way not in figures else f"{figures[way]:.2f}"
        for way in _ways(profile)
        for figures in (found.milliseconds, found.ratio)
    ]
    same = "" if found.agreement is None else f"{min(found.agreement.values(), default=1.0):.1%}"
    measures = [f"{key.replace('_', ' ')} {value:.2%}" for key, value in (found.accuracy or {}).items()]
    return [*times, same, ", ".join(measures)]


def _table(title: str, columns: Sequence[str]) -> Any:
    from rich.table import Table

    table = Table(title=cell(title), title_justify="left", box=None, pad_edge=False)
    table.add_column(columns[0], overflow="fold")
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def _side_by_side(measured: Sequence[Measured]) -> Any:
    names = ("p50 ms", "p90 ms", "p99 ms", "×", "pictures/s", "×", "overhead", "peak MiB", "loaded s", "first result s")
    with_truth = any(item.accuracy.to_json() for item in measured)
    table = _table(
        f"{measured[0].pictures} pictures{_left_out(measured[0])}; × is how many times the first plan's speed",
        ("plan", *names, *(("errors", "boxes", "labels") if with_truth else ())),
    )
    for item in measured:
        compared, late = ratio(measured[0], item), item.latencies
        figures = [
            *(f"{1000 * percentile(late, share):.1f}" for share in (0.5, 0.9, 0.99)),
            f"{compared.latency:.2f}",
            f"{item.pictures / item.stream_seconds:.2f}",
            f"{compared.throughput:.2f}",
            f"{item.overhead:.1%}",
            f"{item.stream[-1]['peak_mib']:.0f}",
            f"{item.loaded_seconds:.2f}",
            f"{item.first_seconds:.2f}",
        ]
        if with_truth:
            known = (item.accuracy.error_rate, item.accuracy.box_recall, item.accuracy.label_share)
            figures += ["" if share is None else f"{share:.2%}" for share in known]
        table.add_row(cell(item.name), *figures)
    return table


def _left_out(item: Measured) -> str:
    count = len(item.cold) - len(item.single)
    return f", without {count} that failed" if count else ""


def _steps(item: Measured) -> Any:
    table = _table(
        f"{item.name}: ms per picture, one at a time",
        ("step", *_KINDS, "first run ms", "shapes"),
    )
    last = item.stream[-1]
    for name, kinds in item.steps.items():
        backend = item.backends.get(name)
        first = last["first_runs"].get(name)
        table.add_row(
            cell(name if backend is None else f"{name} ({backend})"),
            *(f"{kinds[kind]:.2f}" if kind in kinds else "" for kind in _KINDS),
            "" if first is None else f"{1000 * first:.1f}",
            str(last["shapes"].get(name, "")),
        )
    return table
