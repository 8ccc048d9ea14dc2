"""hpi-run's Python API: ``hpi.py PLAN ROOT``."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from hpi_runtime import load_plan
from protocol import Lines, lines, serve

_lock = threading.Lock()
_spent = 0.0


def timed(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an engine's ``run`` that adds up its time."""

    def work(arrays: Any) -> Any:
        global _spent
        started = time.perf_counter()
        try:
            return run(arrays)
        finally:
            with _lock:
                _spent += time.perf_counter() - started

    return work


def main() -> None:
    """Load a plan and serve."""
    pipeline = load_plan(sys.argv[1], root=sys.argv[2])
    for engine in pipeline.engines.values():
        engine.run = timed(engine.run)

    def read(paths: list[str]) -> list[Lines]:
        found = pipeline.predict(paths if len(paths) > 1 else paths[0])
        return [lines(result["rec_texts"], result["rec_polys"]) for result in found]

    serve(read, lambda: _spent)


if __name__ == "__main__":
    main()
