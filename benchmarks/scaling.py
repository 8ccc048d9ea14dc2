"""Processes, threads and streams on more cores than there are: simulated, by what one and two cores showed here.

``python benchmarks/scaling.py`` measures what each stage of the OCR example takes on the corpus with one thread and
with two; then the throughput of every layout of one core and of two, beside
what ``simulation.py`` makes of the former; and last what it makes of more cores. Of these layouts that of two processes
is no test of the simulation: how much runs of one model slow each other is known from it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ablation
import corpus
import load
import peers
import report
from hpi_runtime.bench import driver
from hpi_runtime.bench.figures import Measured
from hpi_runtime.run.runner import INFERENCE
from simulation import Layout, Stage, layouts, throughput

HERE = Path(__file__).parent
MORE_CORES = (4, 8, 16, 32)
# What is measured, by the cores that it may have.
MEASURED = {1: (Layout(),), 2: (Layout(), Layout(1, 2), Layout(1, 2, 2), Layout(2))}


def plan(layout: Layout, folder: Path) -> Path:
    """Write the example's plan with a layout's threads and streams, and return its path."""
    parallel = f"{{num_streams: {layout.streams}, cpu_num_threads: {layout.threads}}}"
    settings = {**ablation.EVERYTHING, "hpi_config.backend_config": parallel}
    return ablation.plan(settings, folder / f"{layout.threads}-{layout.streams}.json")


def stages(one: Measured, two: Measured) -> list[Stage]:
    """Return what each stage costs, by its times with one thread and with two."""
    found = []
    for name, kinds in one.steps.items():
        for kind, milliseconds in kinds.items():
            if kind != INFERENCE:
                found.append(Stage(milliseconds / 1000))
                continue
            shorter = two.steps[name][kind] / milliseconds
            found.append(Stage(milliseconds / 1000, min(1.0, max(0.0, 2 * (1 - shorter))), is_engine=True))
    return found


def together(programs: Sequence[peers.Program], pictures: Sequence[Path]) -> list[float]:
    """Return the seconds that each program takes for all pictures, all at the same time."""
    seconds = [0.0] * len(programs)

    def ask(place: int) -> None:
        seconds[place] = programs[place].ask(pictures)["seconds"]

    threads = [threading.Thread(target=ask, args=[place]) for place in range(len(programs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def started(plan: Path, count: int, cores: int) -> list[peers.Program]:
    """Return processes that have loaded a plan and seen nothing yet, on so many cores."""
    worker = [sys.executable, str(HERE / "workers/hpi.py"), str(plan), str(ablation.OCR)]
    usable = ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    found = [peers.Program("", ["taskset", "--cpu-list", usable, *worker]) for _ in range(count)]
    for program in found:
        program.start()
    return found


def measured(plans: Mapping[Layout, Path], pictures: Sequence[Path], rounds: int) -> dict[tuple[int, Layout], float]:
    """Return the pictures per second of each layout on so many cores, all in one go: medians over rounds, by turns."""
    running = {
        (cores, layout): started(plans[Layout(1, layout.threads, layout.streams)], layout.processes, cores)
        for cores, some in MEASURED.items()
        for layout in some
    }
    times: dict[tuple[int, Layout], list[float]] = {place: [] for place in running}
    # The first round compiles what is new.
    for number in range(1 + rounds):
        for place, programs in running.items():
            seconds = max(together(programs, pictures))
            times[place] += [seconds] if number else []
    for programs in running.values():
        for program in programs:
            program.stop()
    return {(cores, one): one.processes * len(pictures) / statistics.median(times[cores, one]) for cores, one in times}


def slowed(costs: Sequence[Stage], speed: float, pictures: int) -> float:
    """Return by what part two runs of a model slow each other, if two processes on two cores do so many a second."""
    low, high = 0.0, 1.0
    # Halved until no figure of it would change.
    for _ in range(20):
        middle = (low + high) / 2
        if throughput(costs, Layout(2), 2, middle, pictures) > speed:
            low = middle
        else:
            high = middle
    return low


def rows(pictures: Sequence[Path], rounds: int, folder: Path) -> dict[str, Any]:
    """Return measured and simulated figures."""
    plans = {layout: plan(layout, folder) for layout in (Layout(), Layout(1, 2), Layout(1, 2, 2))}
    speeds = measured(plans, pictures, rounds)
    setting = driver.Setting(root=str(ablation.OCR))
    inputs = list(map(str, pictures))
    one, two = driver.measure([plans[Layout()], plans[Layout(1, 2)]], inputs, rounds, setting, lambda _: None)
    costs = stages(one, two)
    contention = slowed(costs, speeds[2, Layout(2)], len(pictures))
    here = {}
    for (cores, layout), speed in speeds.items():
        made = throughput(costs, layout, cores, contention, len(pictures))
        here[f"{cores}: {layout}"] = {"measured": round(speed, 3), "simulated": round(made, 3)}
    more = {}
    for cores in MORE_CORES:
        found = {str(layout): throughput(costs, layout, cores, contention) for layout in layouts(cores)}
        best = max(found, key=lambda name: found[name])
        alone = found[str(Layout(1, cores))]
        more[str(cores)] = {"best": best, "one_process": round(alone, 3), "simulated": round(found[best], 3)}
    return {"contention": round(contention, 4), "here": here, "more": more, "pictures": len(pictures), "rounds": rounds}


def main() -> None:
    """Measure, simulate and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, help="pictures of the corpus; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus.make(folder / "pictures", options.count, seed=1)
        pictures = sorted((folder / "pictures").glob("0*"))
        with load.undisturbed():
            found: Mapping[str, Any] = rows(pictures, options.rounds, folder)
    report.keep("scaling", found, options.output)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
