"""What does the search miss? What a profile of some seconds chooses, beside the best of everything there is to choose.

``python benchmarks/regret.py`` measures the candidates of the example models: as ``hpi-bench`` does within a budget, as
it does within a short one on a small sample, and all of them. The winners of each module are then measured again, in
turn with the best of all, at least ten rounds. What no candidates file lists was not tried: other threads than all and
half of them, other paddings than the contracts have.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import corpus
import load
import ours
import report
from choices import OPEN
from hpi_runtime.bench import contender, names, profiling, search, trial
from hpi_runtime.bench.confirming import Confirmation
from hpi_runtime.bench.search import Variant
from hpi_runtime.judge import truth
from hpi_schemas.accuracy import is_accurate
from hpi_schemas.files import Outputs
from hpi_schemas.profile import LATENCY, Entry, ModuleProfile

ROOT = Path(__file__).parents[1]
OCR = ROOT / "examples/ocr"
ROUNDS = 10
# A short search: seconds that it may take, and what the plan's own engine takes for the whole sample.
SHORT, SAMPLE_SECONDS = 30.0, 2.0
# Percentage points that a lower precision may cost, where one may cost anything.
DROPS: tuple[float | None, ...] = (None, 0.2)


def every(known: Sequence[Variant], ratios: search.Ratios) -> int | None:
    """Return the next of all variants, whatever the others took."""
    return next((place for place in range(len(known)) if place not in ratios), None)


def files(pictures: Path) -> list[str]:
    """Return the names of the pictures in a folder."""
    return sorted(str(path) for path in pictures.iterdir() if path.suffix != ".json")


def measured(candidates: Path, pictures: Sequence[str], module: str, file: Path, budget: float | None) -> ModuleProfile:
    """Return the profile of one module, within a budget or, without one, of everything."""
    known = str(Path(pictures[0]).with_name(truth.FILE))
    setting = profiling.Setting(candidates, pictures, str(OCR), (), known, module, budget)
    changed = contextlib.ExitStack()
    # Whole pipelines are of no interest here: the module has all the time.
    changed.enter_context(mock.patch.object(Confirmation, "run"))
    changed.enter_context(mock.patch.object(profiling, "_TOGETHER", 0.0))
    if budget is None:
        changed.enter_context(mock.patch.object(search, "following", every))
    with changed:
        found, _ = profiling.measure(setting, file, Outputs([]), lambda _: None)
    return found.modules[module]


def best(found: ModuleProfile, drop: float | None) -> Entry:
    """Return the fastest entry that is accurate enough, inputs one at a time."""
    usable = [entry for entry in found.entries if is_accurate(entry, found, drop)]
    return min(usable, key=lambda entry: entry.takes(LATENCY))


def sample(pictures: Sequence[str], whole: ModuleProfile) -> list[str]:
    """Return pictures for which the plan's own engine takes SAMPLE_SECONDS, by lines; three at least."""
    known = truth.load(Path(pictures[0]).with_name(truth.FILE))
    lines = {path: len(known[Path(path).name]["lines"]) for path in pictures}
    each = (whole.entries[0].milliseconds or {})[LATENCY] / 1000 * len(pictures) / sum(lines.values())
    chosen: list[str] = []
    for path in sorted(pictures, key=lambda path: lines[path]):
        seconds = each * sum(lines[item] for item in [*chosen, path])
        if len(chosen) < contender.LEAST_ITEMS or seconds <= SAMPLE_SECONDS:
            chosen.append(path)
    return sorted(chosen)


def again(candidates: Path, pictures: Sequence[str], module: str, pair: Sequence[Entry]) -> list[float]:
    """Return the time of the first ÷ that of the second, round by round."""
    listed, plan = profiling.load(candidates, str(OCR), [])
    setting = profiling.Setting(candidates, pictures, module=module, root=str(OCR))
    with tempfile.TemporaryDirectory() as place:
        recorded = profiling._record(setting, listed, plan, [module], Path(place))
        options = {**profiling._places(setting, plan), "folder": str(Path(place) / module), "module": module}
        one = trial.Trial(
            plan, listed.modules[module], options, {}, recorded["calibration"].get(module), lambda _: None
        )
        with one._working(pair[0]) as first, one._working(pair[1]) as second:
            items = contender.spread(first.items)[: contender.LEAST_ITEMS * 2]
            for worker in (first, second):
                worker.ask({"items": items})
            found = contender.in_turn([first, second], items, ROUNDS)
    return [left / right for left, right in zip(found[0][LATENCY], found[1][LATENCY], strict=True)]


def rows(budget: float, pictures: Path, folder: Path, modules: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a row for each model of the example, each budget and each allowed drop."""
    candidates, every_picture = folder / "candidates.json", files(pictures)
    ours.run("hpi-plan", OCR / "pipeline.yaml", *ours.overrides(OPEN), "--candidates", candidates)
    listed, _ = profiling.load(candidates, str(OCR), [])
    for address in modules or listed.modules:
        whole = measured(candidates, every_picture, address, folder / f"{address}-all.json", None)
        for seconds, some in ((budget, every_picture), (SHORT, sample(every_picture, whole))):
            began = time.monotonic()
            quick = measured(candidates, some, address, folder / f"{address}-{seconds:.0f}.json", seconds)
            took = time.monotonic() - began
            for drop in DROPS:
                pair = [best(quick, drop), best(whole, drop)]
                measure = partial(again, candidates, every_picture, address, pair)
                ratios = sorted(load.kept(measure)) if _differ(*pair) else [1.0]
                allowed = "no drop" if drop is None else f"{drop} points"
                short = "" if some is every_picture else f", {seconds:.0f} s on a small sample"
                yield (
                    f"{address.rpartition('.')[2]}, {allowed}{short}",
                    {
                        "best": names.name_of(pair[1]),
                        "candidates": len(whole.entries),
                        "chosen": names.name_of(pair[0]),
                        "high": round(ratios[-1 - len(ratios) // 10], 4),
                        "looked_at": len(quick.entries),
                        "low": round(ratios[len(ratios) // 10], 4),
                        "ratio": round(statistics.median(ratios), 4),
                        "took_s": round(took, 1),
                    },
                )


def _differ(one: Entry, other: Entry) -> bool:
    return not one.is_of(other.engine, other.batch_size, other.settings)


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120, help="seconds for each module; default: %(default)s")
    parser.add_argument("--module", action="append", default=[], metavar="ADDRESS", help="of these alone")
    parser.add_argument("--count", type=int, default=8, help="pictures of the corpus")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus.make(folder / "pictures", options.count, seed=1)
        found = {}
        for name, row in rows(options.budget, folder / "pictures", folder, options.module):
            found[name] = row
            print(name, json.dumps(row), flush=True)
            report.keep("regret", {"budget": options.budget, "rounds": ROUNDS, "runs": found}, options.output)


if __name__ == "__main__":
    main()
