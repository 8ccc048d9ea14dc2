"""Does memory stay flat over calls? Streams of pictures and single ones, again and again, through one loaded pipeline.

``python benchmarks/calls.py`` renders a few labels, calls ``predict`` 200 times, with all of them and with one in turn,
in a process for each backend, and looks at the resident memory after the tenth call and after the last.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import flat
import report
from hpi_runtime import create_pipeline
from hpi_runtime.bench.meter import memory_mib

# The calls after which memory is settled.
SETTLED = 10
PICTURES = 7


def run(backend: str, calls: int) -> dict[str, Any]:
    """Return the memory after the tenth call and after the last, in MiB."""
    sizes: set[tuple[int, int]] = set()
    pictures = list(flat.labels(PICTURES, sizes))
    file = flat.MODELS / ".calls.yaml"
    file.write_text(flat.PIPELINE.replace("BACKEND", backend))
    memory: list[float] = []
    with create_pipeline(file, device="cpu") as pipeline:
        for number in range(calls):
            results = list(pipeline.predict(pictures if number % 2 else pictures[number // 2 % PICTURES]))
            assert not any(result.is_failed for result in results)
            del results
            gc.collect()
            memory.append(memory_mib("VmRSS"))
    file.unlink()
    settled, last = memory[SETTLED - 1], memory[-1]
    return {
        "calls": calls,
        "growth": round(last / settled - 1, 4),
        "last_mib": round(last, 1),
        "settled_mib": round(settled, 1),
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", help="measure this one alone, and print its figures; default: each in a process")
    parser.add_argument("--calls", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    if options.backend is not None:
        print(json.dumps(run(options.backend, options.calls)))
        return
    found: dict[str, Any] = {}
    for backend in ("onnxruntime", "openvino"):
        command = [sys.executable, __file__, "--backend", backend, "--calls", str(options.calls)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[backend] = json.loads(told.splitlines()[-1])
    report.keep("calls", {"runs": found}, options.output)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
