"""hpi-target: describe this machine, so that plans can be made for it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from hpi_schemas.canonical import dumps
from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, WRONG, emit, guarded

from hpi_planner.request import this_machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Print this machine's target; the exit code is the return value."""
    description = "Describe this machine as JSON on stdout: hpi-target > target.json; hpi-plan --target target.json"
    codes = {DONE: "done", WRONG: "the command line is wrong, or stdout cannot be written"}
    CommandLine("hpi-target", description, codes).parse_args(arguments)
    return guarded("hpi-target", _run)


def _run() -> int:
    emit(dumps(this_machine().to_json()))
    return DONE
