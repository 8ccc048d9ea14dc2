"""What people see of the work of a command: messages on stderr, and a spinner on a terminal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from hpi_schemas.cleaning import clean_line
from hpi_schemas.console import guarded, say
from hpi_schemas.tables import cell, drawing_console

from hpi_runtime import progress
from hpi_runtime.progress import LOG, Remind


class _Sayer(logging.Handler):
    """Says messages in the name of a command."""

    def __init__(self, command: str) -> None:
        super().__init__(logging.INFO)
        self._command = command

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message; warnings are called so."""
        mark = "warning: " if record.levelno >= logging.WARNING else ""
        say(self._command, f"{mark}{record.getMessage()}")


def told(command: str, work: Callable[[], int]) -> int:
    """Do a command's work, telling of it, and return its exit code; see ``guarded``."""

    def telling_work() -> int:
        with telling(command):
            return work()

    return guarded(command, telling_work)


@contextmanager
def telling(command: str) -> Iterator[None]:
    """Tell people on stderr what library code logs and what goes on, in the name of a command."""
    handler, level = _Sayer(command), LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    before, LOG.propagate = LOG.propagate, False
    try:
        with progress.shown_by(_shown):
            yield
    finally:
        LOG.propagate = before
        LOG.setLevel(level)
        LOG.removeHandler(handler)


def _shown(title: str) -> AbstractContextManager[Remind]:
    return _spinning(title) if drawing_console() is not None else progress.logged(title)


@contextmanager
def _spinning(title: str) -> Iterator[Remind]:
    console = drawing_console()
    assert console is not None
    began = time.monotonic()
    with console.status(cell(clean_line(title))) as status:
        yield lambda: status.update(cell(clean_line(f"{title} ({time.monotonic() - began:.0f} s)")))
