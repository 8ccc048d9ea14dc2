"""What starting the planner costs: whole processes, interleaved, medians.

The base is a process that imports yaml and omegaconf; hashing is left aside by planning for models
whose files are small. Bytecode lies in a folder of its own and is warm, as it is after `pip install`,
whatever the environment says about writing it. Run it with `make bench`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PIPELINE = ROOT / "examples/ocr/pipeline.yaml"
ROUNDS = 15
BASE = "import yaml, omegaconf"
# Hashing 31 MB of weights is I/O, not planning: the digest of a file is its size here.
PLAN = (
    "import sys, hpi_planner.models as facts; "
    "facts.digest_file = lambda path: 'sha256:%064x' % path.stat().st_size; "
    "from hpi_planner.cli.plan import main; sys.exit(main(sys.argv[1:]))"
)
COMMANDS = {
    "base": [sys.executable, "-c", BASE],
    "python": [sys.executable, "-c", "pass"],
    "inherit": [sys.executable, "-m", "hpi_planner", str(PIPELINE), "--stop-after", "inherit"],
    "plan": [sys.executable, "-c", PLAN, str(PIPELINE)],
    "plan with target": [sys.executable, "-c", PLAN, str(PIPELINE), "--target", str(PIPELINE.parent / "target.json")],
}


def measure() -> dict[str, float]:
    """Return the median wall time of each command in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for round_ in range(1 + ROUNDS):
            for name, command in COMMANDS.items():
                elapsed = _timed(command, environment)
                if round_:
                    times[name].append(elapsed)
    return {name: statistics.median(values) for name, values in times.items()}


def _timed(command: list[str], environment: dict[str, str]) -> float:
    """Return the wall time of a process in milliseconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    medians = measure()
    for name, value in medians.items():
        print(f"{name:18} {value:7.1f} ms  {value / medians['base']:5.2f} x base")
    print(json.dumps({name: round(value / medians["base"], 3) for name, value in medians.items()}))
