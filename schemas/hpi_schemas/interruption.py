"""Signals that end a command, Ctrl-C and SIGTERM: soon and quietly, whatever native code it is inside."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

from hpi_schemas.leaving import leave

INTERRUPTED, TERMINATED = 130, 143
MESSAGE = "interrupted; what was finished is written"
# Seconds that a command has to end by itself.
_PATIENCE = 0.6
_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
# And for what is still to be done in the end, such as removing what is temporary.
_LEAVING = 10.0
_came: list[int] = []
_is_leaving = False


def code() -> int:
    """Return the exit code of the signal that came; without one that of Ctrl-C."""
    return _CODES[signal.Signals(_came[0])] if _came else INTERRUPTED


def has_come() -> bool:
    """Tell whether one came."""
    return bool(_came)


def let_end() -> Sequence[int]:
    """Let signals end the process at once from here on, and return those that do not end it by somebody's wish."""
    heard = [number for number in _CODES if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, signal.SIG_DFL)
    return heard


def leave_out() -> None:
    """Let no signal disturb what is still to be done."""
    global _is_leaving
    _is_leaving = True
    for number in _CODES:
        signal.signal(number, signal.SIG_IGN)


def watch(heard: Sequence[int], say: Callable[[str], None]) -> None:
    """Raise KeyboardInterrupt when a signal comes, and end the process soon after.

    The C handler of a signal writes to the wake-up descriptor at once, and a thread waits at its other end
    (docs.python.org/3/library/signal.html#signal.set_wakeup_fd).

    Args:
        heard: what ``let_end`` returned.
        say: tells people why the process ends.
    """
    if not heard:
        return
    import _thread
    import time

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in heard:
        signal.signal(number, _interrupt)

    def wait() -> None:
        while (number := os.read(reading, 1)[0]) not in heard:
            pass
        time.sleep(_PATIENCE)
        if _is_leaving:
            time.sleep(_LEAVING)
        else:
            say(MESSAGE)
            leave()
        os._exit(_CODES[signal.Signals(number)])

    _thread.start_new_thread(wait, ())


def _interrupt(number: int, _: object) -> None:
    _came.append(number)
    # Where Python is inside a callback, it would print the exception and go on.
    sys.unraisablehook = lambda _: None
    raise KeyboardInterrupt
