"""The shell that all commands share: exit codes, streams, what is shown to people, and interruption."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, BinaryIO, NoReturn, TextIO

from hpi_schemas import interruption, messages
from hpi_schemas.cleaning import clean
from hpi_schemas.leaving import leave
from hpi_schemas.messages import ERROR

DONE, NEGATIVE, WRONG, UNSATISFIED, FAILED = 0, 1, 2, 3, 4
_CLOSED = "stdout is closed, and results go there"


class CommandError(Exception):
    """What ends a command; the message is for people."""

    exit_code = WRONG


def start(name: str, module: str) -> NoReturn:
    """Run the ``main`` of a command's module as a whole process: what installed commands call.

    Streams that are closed or full, an interruption at any moment and characters that nobody can print are no
    reason for a traceback. The process ends without taking native libraries apart, which costs a tenth of a second.

    Args:
        name: of the command, for messages.
        module: is imported here, so that an interruption meanwhile ends the process quietly.
    """
    heard = interruption.let_end()
    _take_streams()
    messages.leave_out_warnings()
    try:
        main: Callable[[], int] = importlib.import_module(module).main
        interruption.watch(heard, lambda message: say(name, message, ERROR))
        code = main()
    except SystemExit as left:
        # argparse, after its help or its complaint.
        code = left.code if isinstance(left.code, int) else DONE if left.code is None else WRONG
    except ModuleNotFoundError as fault:
        code = _lacking(name, fault)
    except CommandError as fault:
        # argparse, whose help has nowhere to go.
        say(name, str(fault), ERROR)
        code = fault.exit_code
    except KeyboardInterrupt:
        code = interruption.code()
    except BaseException:
        # An interruption inside a class statement comes out as another error.
        code = interruption.code() if interruption.has_come() else NEGATIVE
        if not interruption.has_come():
            sys.excepthook(*sys.exc_info())
    interruption.leave_out()
    finish(name, code)


def finish(name: str, code: int) -> NoReturn:
    """End the process at once with an exit code, after what is still to be written."""
    with suppress(KeyboardInterrupt):
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            pass
        except OSError as fault:
            say(name, f"stdout cannot be written: {fault.strerror}")
            code = code or WRONG
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    leave()
    os._exit(code)


def guarded(name: str, work: Callable[[], int]) -> int:
    """Do a command's work and return its exit code; what goes wrong is one message on stderr.

    Args:
        name: of the command, for messages.
        work: returns the exit code.
    """
    try:
        code = work()
        sys.stdout.flush()
        return code
    except CommandError as fault:
        say(name, str(fault), ERROR)
        return fault.exit_code
    except KeyboardInterrupt:
        say(name, interruption.MESSAGE, ERROR)
        return interruption.code()
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_stdout()
        return DONE
    except ModuleNotFoundError as fault:
        return _lacking(name, fault)
    except MemoryError:
        say(name, "there is not enough memory", ERROR)
        return WRONG
    except OSError as fault:
        _drop_stdout()
        say(name, f"{fault.filename or 'stdout'} cannot be written or read: {fault.strerror or fault}", ERROR)
        return WRONG


def _lacking(name: str, fault: ModuleNotFoundError) -> int:
    """Say which package a command needs that is not installed; that a module of ours is not there is our mistake."""
    package = (fault.name or "").partition(".")[0]
    if not package or package.startswith("hpi_"):
        raise fault
    from hpi_schemas.packages import missing

    say(name, missing(package), ERROR)
    return UNSATISFIED


def say(name: str, message: str, level: str = "") -> None:
    """Write a message of a command to stderr; where that is closed or full, nobody reads it and the work goes on."""
    text = messages.line(name, message, level)
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write((text or "").encode("utf-8", "backslashreplace").decode())
        sys.stderr.flush()


def show(text: str) -> None:
    """Write text for people to stdout, cleaned."""
    _open_stdout().write(clean(text).encode("utf-8", "backslashreplace").decode())


def emit(data: str | bytes) -> None:
    """Write data to stdout: UTF-8 whatever the locale says, every byte or an error.

    Raises:
        CommandError: stdout is closed.
        OSError: not all of it could be written.
    """
    stream = _open_stdout()
    stream.flush()
    write_all(stream.buffer, data.encode() if isinstance(data, str) else data)


def write_all(stream: IO[bytes], data: bytes) -> None:
    """Write and flush every byte; an unbuffered stream may take a part at a time.

    Raises:
        OSError: not all of it could be written.
    """
    view = memoryview(data)
    while view:
        view = view[stream.write(view) or 0 :]
    stream.flush()


@contextmanager
def data_stream() -> Iterator[BinaryIO]:
    """Keep stdout for data: what native libraries print there, such as Paddle's oneDNN, is dropped."""
    if isinstance(sys.stdout, _Closed):
        yield _ClosedBytes()
        return
    sys.stdout.flush()
    saved = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    stream = os.fdopen(os.dup(saved), "wb")
    try:
        yield stream
    finally:
        try:
            stream.close()
        finally:
            os.dup2(saved, 1)
            os.close(saved)


def need_stdout() -> None:
    """Refuse to begin work whose results would go to a closed stdout.

    Raises:
        CommandError: it is closed.
    """
    _open_stdout()


class _Shown(io.TextIOWrapper):
    """A stream that people read: whatever is written, no character of it is obeyed by a terminal."""

    def write(self, text: str) -> int:
        super().write(clean(text))
        return len(text)


class _Forgiving(io.FileIO):
    """Takes what cannot be written: nobody would read it, and the work goes on."""

    def write(self, data: Any) -> int:
        with suppress(OSError):
            super().write(data)
        return len(data)


class _Closed(io.TextIOWrapper):
    """stdout where the caller closed it."""

    def __init__(self) -> None:
        super().__init__(_ClosedBytes())

    def write(self, text: str) -> int:
        raise CommandError(_CLOSED)


class _ClosedBytes(io.BytesIO):
    def write(self, data: Any) -> int:
        raise CommandError(_CLOSED)


def _take_streams() -> None:
    """Put our own streams into the places of stdin, stdout and stderr."""
    was_open = [_is_open(number) for number in range(3)]
    for number in range(3):
        if not was_open[number]:
            # Else the next file that is opened gets this number, and what is printed goes into it.
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if not was_open[0]:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (as long as the process)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    buffer = io.BufferedWriter(io.FileIO(1, "w", closefd=False))
    sys.stdout = _Shown(buffer, encoding, "backslashreplace") if was_open[1] else _Closed()
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    messages = io.BufferedWriter(_Forgiving(2, "w", closefd=False))
    sys.stderr = _Shown(messages, encoding, "backslashreplace", line_buffering=True)


def _is_open(number: int) -> bool:
    with suppress(OSError):
        os.fstat(number)
        return True
    return False


def _open_stdout() -> TextIO:
    if sys.stdout is None or isinstance(sys.stdout, _Closed):
        raise CommandError(_CLOSED)
    return sys.stdout


def _drop_stdout() -> None:
    """Let what is still to be written go nowhere, so that no later flush fails."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
