"""Does memory stay flat over calls? Streams of pictures and single ones, again and again, through one loaded pipeline.

``python benchmarks/calls.py`` renders a few labels, calls ``predict`` 200 times, with all of them and with one in turn,
in a process for each backend, natively and in PaddleX (in ``.venv-hosted``, which `make test` makes), and looks at the
resident memory after the tenth call and after the last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import flat
import report

HERE = Path(__file__).parent
HOSTED = HERE.parent / ".venv-hosted/bin/python"
# The calls after which memory is settled.
SETTLED = 10
PICTURES = 7
# By the name in the table: what runs, in which Python, and the host.
RUNS: dict[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "onnxruntime": ("onnxruntime", [sys.executable], ()),
    "openvino": ("openvino", [sys.executable], ()),
    "onnxruntime, in PaddleX": ("onnxruntime", [str(HOSTED)], ["paddlex"]),
    "openvino, in PaddleX": ("openvino", [str(HOSTED)], ["paddlex"]),
}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for number, picture in enumerate(flat.labels(PICTURES, set())):
            cv2.imwrite(f"{place}/{number}.png", picture)
        found = {name: _run(name, place, options.calls) for name in RUNS}
    report.keep("calls", {"runs": found}, options.output)
    print(json.dumps(found, indent=2))


def _run(name: str, pictures: str, calls: int) -> dict[str, Any]:
    """Return the memory after the tenth call and after the last, in MiB."""
    backend, python, host = RUNS[name]
    # Beside the models that it names.
    file = flat.MODELS / ".calls.yaml"
    file.write_text(flat.PIPELINE.replace("BACKEND", backend))
    command = [*python, str(HERE / "workers/calls_worker.py"), str(file), pictures, str(calls), *host]
    try:
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        file.unlink()
    memory = json.loads(told.splitlines()[-1])
    settled, last = memory[SETTLED - 1], memory[-1]
    return {
        "calls": calls,
        "growth": round(last / settled - 1, 4),
        "last_mib": round(last, 1),
        "settled_mib": round(settled, 1),
    }


if __name__ == "__main__":
    main()
