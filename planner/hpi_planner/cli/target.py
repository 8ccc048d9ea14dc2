"""hpi-target: describe this machine, so that plans can be made for it elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hpi_schemas.canonical import dumps
from hpi_schemas.console import DONE, emit, guarded

from hpi_planner.request import this_machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Print this machine's target; the exit code is the return value."""
    parser = argparse.ArgumentParser(
        prog="hpi-target",
        description="Describe this machine as JSON on stdout: hpi-target > target.json; hpi-plan --target target.json",
        epilog="exit codes: 0 done; 2 the command line is wrong, or stdout cannot be written; 130 interrupted",
        allow_abbrev=False,
    )
    parser.parse_args(arguments)
    return guarded("hpi-target", _run)


def _run() -> int:
    emit(dumps(this_machine().to_json()))
    return DONE
