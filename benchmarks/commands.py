"""One picture from a cold start: whole commands, from their start to their end, beside the least that there is to do.

``python benchmarks/commands.py`` measures in turn ``hpi-run`` with plans for different aims, ``rapidocr -img`` and
``paddlex --pipeline`` (see ``peers.py`` for the models), and a program that decodes the picture, loads the models and
runs them on arrays of the same shapes, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import corpus
import load
import ours
import peers
import report
from hpi_runtime.run import plan as plans
from hpi_runtime.run.native import NativePipeline
from hpi_schemas.model_store import ONNX_FILE

HERE = Path(__file__).parent
BASE, AHEAD = peers.ONNX, f"{peers.ONNX}, compiled ahead"
SOONEST = "hpi-run, by a profile of first results"
LOOP = "a loop by hand, onnxruntime"


def commands(folder: Path, budget: int, picture: Path) -> dict[str, list[str]]:
    """Return every command without the picture, by its name in the table."""
    pipelines = peers.lay_out(folder)
    pipeline, rapid, paddlex = pipelines["hpi"], peers.environment("rapidocr"), peers.environment("paddlex")
    sets, cold = ours.overrides([*peers.OURS, *peers.ON_ONNX]), ("--optimize", "cold")
    free = [*ours.overrides(peers.OURS), "-o", "hpi_config=null", *cold]
    profile = ours.profile(pipeline, free, peers.other_pictures(pipeline), budget, pipeline.parent / "cold")
    options: dict[str, Sequence[object]] = {
        **peers.plans(pipeline, budget),
        SOONEST: [*free, "--profile", profile],
        AHEAD: [*sets, *cold],
    }
    files = {name: peers.planned(pipeline, name, given) for name, given in options.items()}
    found = {name: [ours.command("hpi-run"), str(file), "--input"] for name, file in files.items()}
    told = bare_loop(files[BASE], picture)
    return {
        **found,
        LOOP: [sys.executable, str(HERE / "workers/bare_loop.py"), str(told)],
        "RapidOCR, onnxruntime": [str(rapid / "rapidocr"), "-img"],
        "PaddleX, paddle": [
            *(str(paddlex / "paddlex"), "--pipeline", str(pipelines["paddle"])),
            *("--device", "cpu", "--input"),
        ],
    }


def bare_loop(plan: Path, picture: Path) -> Path:
    """Write what the loop by hand does: what a plan of ONNX Runtime does with its engines for a picture, in order."""
    runs: list[Any] = []

    def observe(address: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        runs.append([address, {name: array.shape for name, array in inputs.items()}])

    located = plans.load(plan, plan.parent)
    with NativePipeline(located, observe=observe) as pipeline:
        list(pipeline.predict([str(picture)]))
    models = {name: located.store.resolve(item.model.dir) / ONNX_FILE for name, item in located.modules.items()}
    config = next(iter(located.modules.values())).engine.config
    told = {"models": {name: str(file) for name, file in models.items()}, "options": config, "runs": runs}
    file = plan.with_name("bare_loop.json")
    file.write_text(json.dumps(told))
    return file


def measure(found: Mapping[str, Sequence[str]], picture: Path, rounds: int) -> dict[str, Any]:
    """Return the median time of each command and, round by round, as a part of that of BASE."""
    times: dict[str, list[float]] = {name: [] for name in found}
    with tempfile.TemporaryDirectory() as bytecode:
        # Whatever this shell says: installed programs have their bytecode.
        given = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        others = {"PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True", "PYTHONPYCACHEPREFIX": bytecode}
        # The first round makes what is made once.
        for place in range(1 + rounds):
            for name, command in found.items():
                seconds = _timed([*command, str(picture)], {**given, **others})
                times[name] += [seconds] if place else []
    return {
        name: {
            "ratio": round(statistics.median(one / two for one, two in zip(own, times[BASE], strict=True)), 3),
            "seconds": round(statistics.median(own), 3),
        }
        for name, own in times.items()
    }


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the wall time of a process in seconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=900, help="seconds for each profile; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    folder = peers.ROOT / ".peers"
    corpus.make(folder / "one", 1, seed=1)
    picture = min((folder / "one").glob("0*"))
    found = commands(folder, options.budget, picture)
    with load.undisturbed():
        runs = measure(found, picture, options.rounds)
    report.keep("commands", {"base": BASE, "rounds": options.rounds, "runs": runs}, options.output)
    print(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
