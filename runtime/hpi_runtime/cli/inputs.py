"""The ``--input`` of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hpi_schemas.console import say


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
