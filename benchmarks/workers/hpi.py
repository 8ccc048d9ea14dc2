"""hpi-run's Python API: ``hpi.py PLAN ROOT``."""

from __future__ import annotations

import sys
from pathlib import Path

from hpi_runtime.bench.meter import Meter
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.plan import load
from protocol import Lines, lines, serve


def main() -> None:
    """Load a plan and serve."""
    meter = Meter()
    pipeline = NativePipeline(load(Path(sys.argv[1]), Path(sys.argv[2])), measure=meter.measure)

    def read(paths: list[str]) -> list[Lines]:
        meter.restart()
        return [lines(result["rec_texts"], result["rec_polys"]) for result in pipeline.predict(paths)]

    # Engines may run side by side: the time in which any of them does.
    serve(read, lambda: float(meter.to_json()["busy"]))


if __name__ == "__main__":
    main()
