"""How a program under test talks to the driver: a JSON line in, a JSON line out. Standard library alone.

A request is a list of pictures; the answer holds ``seconds`` for all of them, ``engine_seconds`` inside
the backend (null where the program does not tell), ``peak_mib`` of the process so far, and per picture
the lines read: ``text`` and ``poly``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]


def serve(read: Callable[[list[str]], list[Lines]], engine_seconds: Callable[[], float] | None = None) -> None:
    """Answer requests on stdin until it ends.

    Args:
        read: does the work: paths in, lines of each picture out.
        engine_seconds: how long the backend ran in the last call of ``read``.
    """
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _say(answers, {"ready": True})
    for line in sys.stdin:
        started = time.perf_counter()
        pictures = read(json.loads(line))
        seconds = time.perf_counter() - started
        inside = engine_seconds() if engine_seconds else None
        _say(answers, {"engine_seconds": inside, "peak_mib": peak_mib(), "pictures": pictures, "seconds": seconds})


def peak_mib() -> float:
    """Return the greatest resident memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def lines(texts: Any, polys: Any) -> Lines:
    """Return lines as the protocol has them."""
    return [
        {"poly": [[int(x), int(y)] for x, y in poly], "text": text} for text, poly in zip(texts, polys, strict=True)
    ]


def _say(answers: Any, value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()
