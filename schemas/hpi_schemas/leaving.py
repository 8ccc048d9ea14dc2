"""What is still to be done when a process ends; commands end theirs at once, without Python's own end."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress

_left: list[Callable[[], object]] = []


def when_leaving(work: Callable[[], object]) -> None:
    """Do something when this process ends, but when it is killed."""
    if not _left:
        atexit.register(leave)
    _left.append(work)


def leave() -> None:
    """Do it now; whoever ends the process without Python's own end calls this."""
    while _left:
        with suppress(Exception):
            _left.pop()()
