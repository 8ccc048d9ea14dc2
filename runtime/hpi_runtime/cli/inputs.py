"""The ``--input`` of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpi_schemas.console import say

if TYPE_CHECKING:
    from hpi_runtime.inputs.media import Medium


def input_names(command: str, given: Sequence[str], medium: Medium | None = None) -> list[str]:
    """Return every file and URL that ``--input`` means, and tell people what was passed over.

    Args:
        command: for messages.
        given: as typed; ``-`` is the list on stdin.
        medium: what the files of folders must be; by default pictures.

    Raises:
        PlanError: an argument names nothing.
    """
    from hpi_runtime.inputs.media import PICTURES
    from hpi_runtime.inputs.named import expand

    found = expand(given, sys.stdin.buffer if "-" in given else None, medium or PICTURES)
    for note in found.notes:
        say(command, note)
    return found.names
