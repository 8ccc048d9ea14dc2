"""hpi-doctor: what is installed, what conflicts, what is missing for which backend, and what mends it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, NEGATIVE, WRONG, emit, guarded
from hpi_schemas.tables import cell, table_console

from hpi_runtime.doctor import examine

_COLOURS = {examine.OK: "green", examine.NOTE: "cyan", examine.MISSING: "yellow", examine.CONFLICT: "red"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    description = "Look for what keeps backends from running here, and say what mends it."
    codes = {DONE: "no conflicts", NEGATIVE: "something conflicts", WRONG: "the command line is wrong"}
    parser = CommandLine("hpi-doctor", description, codes)
    parser.add_argument("--json", action="store_true", help="findings as JSON on stdout")
    options = parser.parse_args(arguments)
    return guarded("hpi-doctor", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    found = examine.examine(examine.this_environment())
    if options.json:
        from hpi_schemas.canonical import dumps

        emit(dumps([vars(item) for item in found]))
    else:
        _show(found)
    return NEGATIVE if any(item.state == examine.CONFLICT for item in found) else DONE


def _show(found: list[examine.Finding]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "mend"):
        table.add_column(heading, overflow="fold")
    for item in found:
        table.add_row(cell(item.state, style=_COLOURS[item.state]), item.subject, cell(item.message), cell(item.mend))
    table_console(sys.stdout).print(table)
