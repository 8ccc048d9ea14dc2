"""Keeping the signal handlers of the program that loads an engine."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Those of a service that is told to end, and those of Python's faulthandler.
_KEPT = (signal.SIGTERM, signal.SIGSEGV, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS)
# glibc's ``struct sigaction`` has 152 bytes, musl's as many.
_SIZE = 256


@contextmanager
def kept() -> Iterator[None]:
    """Put the process's signal handlers back after an import that installs its own.

    Python's ``signal`` sees no handlers but its own, and sets some on the main thread alone: hence sigaction(2).
    """
    if sys.platform != "linux":
        yield
        return
    c = ctypes.CDLL(None)
    before = {number: ctypes.create_string_buffer(_SIZE) for number in _KEPT}
    for number, action in before.items():
        c.sigaction(int(number), None, action)
    try:
        yield
    finally:
        for number, action in before.items():
            c.sigaction(int(number), action, None)
