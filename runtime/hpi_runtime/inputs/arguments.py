"""The ``--input`` of commands."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from hpi_schemas.console import say


def parse_with_inputs(parser: ArgumentParser, arguments: Sequence[str] | None) -> Namespace:
    """Parse the arguments of a command with ``--input``, and say what to do when a shell has expanded its pattern."""
    options, left = parser.parse_known_args(arguments)
    if left:
        is_expanded = not any(item.startswith("-") for item in left)
        mend = "; write --input before each, or a pattern in quotes" if is_expanded else ""
        parser.error(f"unrecognized arguments: {' '.join(left)}{mend}")
    return options


def input_names(command: str, given: Sequence[str]) -> list[str]:
    """Return every file and URL that ``--input`` means, and tell people what was passed over.

    Args:
        command: for messages.
        given: as typed; ``-`` is the list on stdin.

    Raises:
        PlanError: an argument names nothing.
    """
    from hpi_runtime.inputs.named import expand

    found = expand(given, sys.stdin.buffer if "-" in given else None)
    for note in found.notes:
        say(command, note)
    return found.names
