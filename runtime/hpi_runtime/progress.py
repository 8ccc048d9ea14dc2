"""What takes long says so here: library code draws and prints nothing; a command decides what people see.

Messages go to the logger ``hpi_runtime``, as any program may take them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

LOG = logging.getLogger("hpi_runtime")
# Is called now and then while something goes on.
Remind = Callable[[], None]
Show = Callable[[str], AbstractContextManager[Remind]]

_REMIND_SECONDS = 30.0


@contextmanager
def logged(title: str) -> Iterator[Remind]:
    """Log that something begins, and every half minute that it still goes on."""
    began = told = time.monotonic()
    LOG.info("%s", title)

    def remind() -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _REMIND_SECONDS:
            told = now
            LOG.info("still at it after %.0f s: %s", now - began, title)

    yield remind


_show: Show = logged


def going_on(title: str) -> AbstractContextManager[Remind]:
    """Show that something goes on, for as long as the context lasts."""
    return _show(title)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Let a command show what goes on in its own way."""
    global _show
    before, _show = _show, show
    try:
        yield
    finally:
        _show = before
