"""hpi-target: describe this machine, so that plans can be made for it elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hpi_schemas.canonical import dumps

from hpi_planner.request import this_machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Print this machine's target; the exit code is the return value."""
    parser = argparse.ArgumentParser(
        prog="hpi-target",
        description="Describe this machine as JSON on stdout: hpi-target > target.json; hpi-plan --target target.json",
    )
    parser.parse_args(arguments)
    sys.stdout.buffer.write(dumps(this_machine().to_json()).encode())
    return 0
