"""How good are the choices? The engines that prior knowledge and a profile choose, beside the best that was measured.

``python benchmarks/choices.py`` measures the candidates of the example models on the corpus and on digits, compiles the
pipelines with the profiles, and compares by their own figures: medians of rounds in which all ran in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import corpus
import ours
import report
from hpi_runtime import read_plan
from hpi_runtime.bench.names import name, name_of
from hpi_schemas.accuracy import is_accurate
from hpi_schemas.plan.model import ModuleRecord
from hpi_schemas.profile import LATENCY, ModuleProfile, read

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
# What the example fixes is left open here.
OPEN = ("SubModules.TextRecognition.hpi_config=null", "SubModules.TextLineOrientation.use_hpip=true")
sys.path.insert(0, str(EXAMPLES / "digits"))


def chosen(
    pipeline: Path, pictures: Path, overrides: Sequence[str], budget: int, folder: Path
) -> Iterator[tuple[str, ModuleProfile, ModuleRecord]]:
    """Measure the candidates of a pipeline, decide, and yield each module's address, part of the profile and record."""
    sets, plan = ours.overrides(overrides), folder / "plan.json"
    profile = ours.profile(pipeline, sets, pictures, budget, folder)
    ours.run("hpi-plan", pipeline, *sets, "--profile", profile, "--output", plan)
    found = read_plan(plan).modules
    for address, measured in read(profile.read_bytes(), str(profile)).modules.items():
        yield address, measured, found[address]


def row(measured: ModuleProfile, module: ModuleRecord) -> dict[str, Any]:
    """Return what was chosen, and how far it is from the best of the candidates that are accurate enough."""
    usable = [entry for entry in measured.entries if is_accurate(entry, measured, None)]
    best = min(usable, key=lambda entry: entry.takes(LATENCY))
    prior, least = measured.entries[0], best.takes(LATENCY)
    settings = {key: module.settings[key] for key in best.settings if module.settings.get(key) is not None}
    assert module.profile is not None
    return {
        "chosen": name(module.engine, module.batch_size, settings),
        "chosen_to_best": round(module.profile.ratio[LATENCY] / least, 4),
        "measured": len(measured.entries),
        "prior": name_of(prior),
        "prior_to_best": round(prior.takes(LATENCY) / least, 4),
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=900, help="seconds for each pipeline; default: %(default)s")
    parser.add_argument("--count", type=int, default=16, help="pictures of the corpus")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    from classify import write_digits

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus.make(folder / "ocr", options.count, seed=1)
        truth = {key: {"label": str(digit)} for key, digit in write_digits(folder / "digits").items()}
        (folder / "digits/truth.json").write_text(json.dumps({"inputs": truth}))
        for example, overrides in (("digits", ()), ("ocr", OPEN)):
            own = folder / f"{example} plans"
            own.mkdir()
            pipeline, pictures = EXAMPLES / example / "pipeline.yaml", folder / example
            for address, measured, module in chosen(pipeline, pictures, overrides, options.budget, own):
                found[f"{example}, {address.rpartition('.')[2]}"] = row(measured, module)
    report.keep("choices", {"runs": found}, options.output)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
