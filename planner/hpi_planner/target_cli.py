"""hpi-target: describe this machine, so that plans can be made for it elsewhere."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from hpi_schemas.canonical import dumps

from hpi_planner.cli import DONE, WRONG_INPUT, stdout_closed
from hpi_planner.request import this_machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Print this machine's target; the exit code is the return value."""
    parser = argparse.ArgumentParser(
        prog="hpi-target",
        description="Describe this machine as JSON on stdout: hpi-target > target.json; hpi-plan --target target.json",
    )
    parser.parse_args(arguments)
    try:
        sys.stdout.buffer.write(dumps(this_machine().to_json()).encode())
        sys.stdout.flush()
    except BrokenPipeError:
        return stdout_closed()
    except OSError as fault:
        sys.stderr.write(f"hpi-target: stdout cannot be written: {fault.strerror}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG_INPUT
    return DONE
