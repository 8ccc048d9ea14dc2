"""A comparison of two plans, for people."""

from __future__ import annotations

import sys

from hpi_schemas.tables import cell, table_console
from hpi_schemas.tolerances import TOLERANCES

from hpi_runtime.judge.compare import Comparison


def show(found: Comparison) -> None:
    """Show a comparison to people, on stderr."""
    from rich.table import Table

    console = table_console(sys.stderr)
    table = Table(box=None, pad_edge=False)
    for heading in ("module and output", "backends", "precision"):
        table.add_column(heading, overflow="fold")
    for heading in ("max abs", "max rel", "cosine"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for (address, output), item in sorted(found.numbers.items()):
        names = " / ".join(found.engines[address])
        precision = found.precision(address)
        mark = "" if item.within(TOLERANCES[precision]) else f"outside: {item.fault or 'tolerance'}"
        figures = (f"{item.absolute:.2g}", f"{item.relative:.2g}", f"{item.cosine:.7f}")
        table.add_row(cell(f"{address} {output}"), names, precision, *figures, cell(mark))
    for address in sorted(set(found.engines) - {address for address, _ in found.numbers}):
        table.add_row(
            cell(address), " / ".join(found.engines[address]), found.precision(address), "", "", "", "did not run"
        )
    console.print(table)
    for note in found.notes:
        console.print(cell(note))
    for kind, share in found.results.shares().items():
        mark = "" if share >= found.tolerance.agreement else f", outside: at least {found.tolerance.agreement:.0%}"
        console.print(cell(f"{kind}: {share:.2%} the same{mark}"))
    for fault in found.results.faults:
        console.print(cell(fault))
    verdict = "within" if found.is_within else "OUTSIDE"
    told = f"{found.results.compared} of {found.results.inputs} inputs compared: {verdict} the tolerances"
    console.print(cell(told if found.results.compared else "nothing was compared"))
