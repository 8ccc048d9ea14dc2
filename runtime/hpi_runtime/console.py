"""What all small commands share: one line for what goes wrong, and never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hpi_runtime.errors import PlanError, RunnerError

DONE, NEGATIVE, INTERRUPTED = 0, 1, 130


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


def _said(name: str, message: str, code: int) -> int:
    sys.stderr.write(f"{name}: {message}\n".encode("utf-8", "backslashreplace").decode())
    return code


def _drop_stdout() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
