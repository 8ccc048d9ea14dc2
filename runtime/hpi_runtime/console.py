"""What all small commands share: one line for what goes wrong, and never a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

from hpi_runtime.errors import PlanError, RunnerError

if TYPE_CHECKING:
    from rich.console import Console

DONE, NEGATIVE, INTERRUPTED = 0, 1, 130
# Columns of tables that go into a file.
_WIDTH = 140


def guarded(name: str, work: Callable[[], int]) -> int:
    """Do a command's work and return its exit code.

    Args:
        name: of the command, for messages.
        work: returns the exit code; writes to stdout.
    """
    try:
        if sys.stdout is None:
            raise PlanError("stdout is closed")
        code = work()
        sys.stdout.flush()
        return code
    except RunnerError as fault:
        return _said(name, str(fault), fault.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_stdout()
        return DONE
    except OSError as fault:
        _drop_stdout()
        return _said(name, f"{fault.filename or 'stdout'}: {fault.strerror or fault}", PlanError.exit_code)


@contextmanager
def data_stream() -> Iterator[BinaryIO]:
    """Keep stdout for data: what native libraries print there, such as Paddle's oneDNN, is dropped."""
    if sys.stdout is None:
        raise PlanError("stdout is closed, and results go there")
    sys.stdout.flush()
    saved = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    stream = os.fdopen(os.dup(saved), "wb")
    try:
        yield stream
    finally:
        with suppress(BrokenPipeError):
            stream.close()
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def table_console(stream: TextIO) -> Console:
    """Return what prints tables on a stream: as wide as the terminal, and in a file wide enough for most."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _WIDTH, highlight=False)


def positive_number(text: str) -> int:
    """Read a number from 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _said(name: str, message: str, code: int) -> int:
    sys.stderr.write(f"{name}: {message}\n".encode("utf-8", "backslashreplace").decode())
    return code


def _drop_stdout() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
