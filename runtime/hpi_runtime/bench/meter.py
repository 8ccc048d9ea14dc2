"""Adds up what a pipeline tells of its steps while it runs."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpi_runtime.engines.base import Arrays
from hpi_runtime.run.runner import INFERENCE


class Meter:
    """Counts since the last ``restart``; shapes and first runs since the process began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shapes: dict[str, set[tuple[int, ...]]] = defaultdict(set)
        self._first: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        """Begin a new pass."""
        with self._lock:
            self._steps: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
            self._runs: list[tuple[float, float]] = []

    def observe(self, address: str, arrays: Arrays, outputs: Arrays) -> None:
        """Note the shapes of a run."""
        with self._lock:
            self._shapes[address].update(array.shape for array in arrays.values())

    def measure(self, name: str, kind: str, seconds: float, _: Sequence[Any] = ()) -> None:
        """Note a step that ends now."""
        ended = time.perf_counter()
        with self._lock:
            self._steps[name][kind] += seconds
            if kind == INFERENCE:
                self._runs.append((ended - seconds, ended))
                self._first.setdefault(name, seconds)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values; times in seconds, memory in MiB."""
        with self._lock:
            return {
                "busy": covered(self._runs),
                "first_runs": dict(self._first),
                "peak_mib": peak_mib(),
                "shapes": {address: len(shapes) for address, shapes in self._shapes.items()},
                "steps": {name: dict(kinds) for name, kinds in self._steps.items()},
            }


def covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of time spans: engines may run side by side."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def peak_mib() -> float:
    """Return the greatest resident memory of this process so far."""
    # Not getrusage's, which begins with that of the process that started this one.
    return memory_mib("VmHWM")


def memory_mib(field: str) -> float:
    """Return a figure of ``/proc/self/status`` that the kernel keeps in KiB, such as ``VmRSS``."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0
