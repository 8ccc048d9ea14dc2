"""Was a benchmark disturbed? What the processors did for others while it ran.

The rule: if others, or the machine's host, had more than a tenth of the time in which processors were busy, the figures
are not kept.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

MOST, _TRIES = 0.1, 4
_Found = TypeVar("_Found")
# The columns of /proc/stat (proc(5)) in which a processor is busy; the last is time that the host gave to others.
_BUSY = (0, 1, 2, 5, 6, 7)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run a benchmark whose processes have all ended when it ends.

    Raises:
        SystemExit: it was disturbed.
    """
    busy, own = _busy_seconds(), _own_seconds()
    yield
    busy, own = _busy_seconds() - busy, _own_seconds() - own
    others = max(0.0, busy - own) / busy if busy else 0.0
    if others > MOST:
        raise SystemExit(f"others had {others:.0%} of the busy time: these figures are thrown away; try again")


def kept(measure: Callable[[], _Found]) -> _Found:
    """Return what was measured while nothing disturbed it; what was disturbed is measured again.

    Raises:
        SystemExit: it always was.
    """
    for _ in range(_TRIES - 1):
        try:
            with undisturbed():
                return measure()
        except SystemExit as fault:
            print(fault, file=sys.stderr)
    with undisturbed():
        return measure()


def _busy_seconds() -> float:
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    return sum(int(line[column]) for column in _BUSY) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
