"""What does each choice bring? A plan with all of them, beside plans that lack one each, in turn.

``python benchmarks/ablation.py`` plans the OCR example anew for each row, with the backend and every lever given, and
measures all plans on the corpus as ``hpi-bench`` does. A row's ratio is its time ÷ that of the plan with everything, so
that it is what the choice brings. Sessions that modules share are measured by ``hosting.py``, on the pipeline that has
several of a kind; what is no line of a YAML, such as the allocator's arenas, by ``allocator.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import corpus
import load
import ours
import report
from choices import OPEN
from hpi_runtime.bench import driver
from hpi_runtime.bench.figures import Measured
from hpi_schemas import probe
from hpi_schemas.backends import load_all

ROOT = Path(__file__).parents[1]
OCR = ROOT / "examples/ocr"
_READ, _FIND = "SubModules.TextRecognition", "SubModules.TextDetection"
ALL, LOWER = "everything", "everything, in bf16"
EVERYTHING: Mapping[str, Any] = {
    "hpi_config.backend": "openvino",
    "hpi_config.backend_config": "{num_streams: 2}",
    f"{_FIND}.size_step": 64,
    f"{_READ}.batch_size": 1,
    f"{_READ}.min_width": 64,
    f"{_READ}.width_step": 64,
}
# What each row has instead.
WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "ONNX Runtime instead of OpenVINO": {"hpi_config.backend": "onnxruntime"},
    "one stream": {"hpi_config.backend_config": "{num_streams: 1}"},
    "one thread": {"hpi_config.backend_config": "{num_streams: 1, cpu_num_threads: 1}"},
    "lines six at a time": {f"{_READ}.batch_size": 6},
    "lines padded to 320 pixels": {f"{_READ}.min_width": 320},
    "every width and size as it comes": {f"{_READ}.width_step": None, f"{_FIND}.size_step": None},
    "as PaddleX: six lines, 320 pixels, one stream": {
        "hpi_config.backend_config": "{num_streams: 1}",
        f"{_FIND}.size_step": None,
        f"{_READ}.batch_size": 6,
        f"{_READ}.min_width": None,
        f"{_READ}.width_step": None,
    },
}


def rows() -> dict[str, Mapping[str, Any]]:
    """Return the settings of every plan by its name; bf16 where this processor has instructions for it."""
    found = {ALL: EVERYTHING, **{name: {**EVERYTHING, **other} for name, other in WITHOUT.items()}}
    precision = load_all()["openvino"].options["precision"]
    if precision.is_native("bf16", probe.cpu_features()):
        low = "{backend: openvino, backend_config: {num_streams: 2, precision: bf16}}"
        # Not for pages' orientation, which runs on another backend.
        found[LOWER] = {**EVERYTHING, **{f"{name}.hpi_config": low for name in (_READ, _FIND)}}
    return found


def plan(settings: Mapping[str, Any], file: Path) -> Path:
    """Write the example's plan with some settings, and return its path."""
    given = [f"{key}={'null' if value is None else value}" for key, value in settings.items()]
    overrides = ours.overrides([*OPEN, *given])
    ours.run("hpi-plan", OCR / "pipeline.yaml", *overrides, "--root", OCR, "--output", file)
    return file


def row(base: Measured, other: Measured) -> dict[str, Any]:
    """Return the figures of a plan, and the medians over the rounds of its times ÷ those of the first."""
    rounds = range(len(base.stream))
    alone = [_alone(other, place) / _alone(base, place) for place in rounds]
    together = [other.stream[place]["seconds"] / base.stream[place]["seconds"] for place in rounds]
    cold = sum(item["seconds"] for item in other.cold) / sum(item["seconds"] for item in base.cold)
    return {
        "accuracy": other.accuracy.to_json(),
        "first_pass": round(cold, 3),
        "latency": round(statistics.median(alone), 3),
        "peak_mib": round(other.stream[-1]["peak_mib"], 1),
        "throughput": round(statistics.median(together), 3),
    }


def _alone(measured: Measured, place: int) -> float:
    return sum(float(passes[place]["seconds"]) for passes in measured.single.values())


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, help="pictures of the corpus; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus.make(folder / "pictures", options.count, seed=1)
        pictures = sorted(str(path) for path in (folder / "pictures").iterdir() if path.suffix != ".json")
        plans = [plan(settings, folder / f"{number}.json") for number, settings in enumerate(rows().values())]
        setting = driver.Setting(root=str(OCR), truth=str(folder / "pictures/truth.json"))
        with load.undisturbed():
            measured = driver.measure(plans, pictures, options.rounds, setting, lambda _: None)
    found = {name: row(measured[0], item) for name, item in zip(rows(), measured, strict=True)}
    report.keep("ablation", {"pictures": options.count, "rounds": options.rounds, "runs": found}, options.output)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
