"""How good are the choices? The engines that prior knowledge and a profile choose, beside the best that was measured.

``python benchmarks/choices.py`` measures the candidates of the example models on the corpus and on digits, compiles the
pipelines with the profiles, and compares by their own figures: medians of rounds in which all ran in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import corpus
import ours
import report
from hpi_planner.select.evidence import is_accurate
from hpi_runtime.bench.trial import name

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
# What the example fixes is left open here.
OPEN = ("SubModules.TextRecognition.hpi_config=null", "SubModules.TextLineOrientation.use_hpip=true")
sys.path.insert(0, str(EXAMPLES / "digits"))


def chosen(pipeline: Path, pictures: Path, overrides: Sequence[str], budget: int, folder: Path) -> Iterator[Any]:
    """Measure the candidates of a pipeline, decide, and yield each module's address, record of the profile and plan."""
    sets, plan = ours.overrides(overrides), folder / "plan.json"
    profile = ours.profile(pipeline, sets, pictures, budget, folder)
    ours.run("hpi-plan", pipeline, *sets, "--profile", profile, "--output", plan)
    found = json.loads(plan.read_text())["modules"]
    for address, record in json.loads(profile.read_text())["modules"].items():
        yield address, record, found[address]


def row(record: Mapping[str, Any], module: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen, and how far it is from the best of the candidates that are accurate enough."""
    usable = [entry for entry in record["entries"] if is_accurate(entry, record, None)]
    best = min(usable, key=lambda entry: float(entry["ratio"]["latency"]))
    prior = record["entries"][0]
    settings = {key: module["settings"][key] for key in best["settings"] if module["settings"].get(key) is not None}
    taken = {"batch_size": module["batch_size"], "engine": module["engine"], "settings": settings}
    least = best["ratio"]["latency"]
    return {
        "chosen": name(taken),
        "chosen_to_best": round(module["profile"]["ratio"]["latency"] / least, 4),
        "measured": len(record["entries"]),
        "prior": name(prior),
        "prior_to_best": round(prior["ratio"]["latency"] / least, 4),
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
            for address, record, module in chosen(pipeline, pictures, overrides, options.budget, own):
                found[f"{example}, {address.rpartition('.')[2]}"] = row(record, module)
    report.keep("choices", {"runs": found}, options.output)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
