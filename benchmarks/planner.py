"""How planning time grows: 1,000 modules against 10,000, and against PaddleX's own time.

Whole processes of `hpi-plan` from YAML to plan, interleaved, medians. PaddleX (in `.venv-paddlex`, model
creation intercepted) goes from the same YAML to the models that it would create; so do we, up to `inherit`.
Both are timed inside their process, imports left out. Run it with `make bench`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PADDLEX = ROOT / ".venv-paddlex/bin/python"
ROUNDS = 3
SMALL, LARGE = 1_000, 10_000
# The sub-pipelines of layout_parsing, and the flag that switches each on.
PARTS = {
    "GeneralOCR": None,
    "DocPreprocessor": "use_doc_preprocessor",
    "SealRecognition": "use_seal_recognition",
    "TableRecognition": "use_table_recognition",
    "FormulaRecognition": "use_formula_recognition",
}
MODEL = "PP-LCNet_x0_5"


def pipeline(count: int) -> dict[str, Any]:
    """Return a pipeline of ``count`` modules, layouts within layouts, the leaves classifiers."""
    module = {"model_name": MODEL, "model_dir": "model"}
    if count == 1:
        return {"pipeline_name": "image_classification", "SubModules": {"ImageClassification": module}}
    share, more = divmod(count - 1, len(PARTS))
    sizes = {key: share + (index < more) for index, key in enumerate(PARTS)}
    flags = {flag: sizes[key] > 0 for key, flag in PARTS.items() if flag is not None}
    parts = {key: pipeline(size) for key, size in sizes.items() if size}
    return {
        "pipeline_name": "layout_parsing",
        **flags,
        "SubModules": {"LayoutDetection": module},
        "SubPipelines": parts,
    }


def lay_out(folder: Path) -> dict[int, Path]:
    """Write both pipelines and the model that all their modules share."""
    from support import tiny_onnx

    (folder / "model").mkdir()
    (folder / "model/inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 H W"))
    (folder / "model/inference.yml").write_text(f"Global:\n  model_name: {MODEL}\n")
    paths = {}
    for count in (SMALL, LARGE):
        paths[count] = folder / f"{count}.yaml"
        text = yaml.safe_dump({"use_hpip": True, **pipeline(count)}, sort_keys=False)
        paths[count].write_text(text, encoding="utf-8")
    return paths


def seconds(path: Path) -> float:
    """Return the wall time of one `hpi-plan`."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "hpi_planner", str(path), "--target", "linux-x64-cpu", "--output", f"{path}.json"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


INHERIT = """
import json, sys, time
from hpi_planner import request
from hpi_planner.compile import compile
started = time.perf_counter()
found = compile(request.make(sys.argv[1]), "inherit").modules
print(json.dumps([len(found), time.perf_counter() - started]))
"""
CREATE = """
import json, sys, tempfile, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import ask_paddlex
with tempfile.TemporaryDirectory() as cache:
    ask_paddlex.import_paddlex(cache)
    pipelines = ask_paddlex.Pipelines()
    pipelines._refusal = lambda arguments: None
    text = Path(sys.argv[1]).read_text()
    started = time.perf_counter()
    found = pipelines.ask(text, {})["models"]
    print(json.dumps([len(found), time.perf_counter() - started]))
"""


def to_models(path: Path) -> dict[str, float]:
    """Return the seconds from YAML to resolved models, ours and PaddleX's."""
    runs = {"hpi-plan": [sys.executable, "-c", INHERIT, str(path)]}
    if PADDLEX.is_file():
        runs["PaddleX"] = [str(PADDLEX), "-c", CREATE, str(path), str(ROOT / "tests/conformance")]
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, command in runs.items():
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            count, elapsed = json.loads(done.stdout.splitlines()[-1])
            assert count == int(path.stem), f"{name} found {count} models"
            times[name].append(elapsed)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    with tempfile.TemporaryDirectory() as scratch:
        paths = lay_out(Path(scratch))
        rounds = [{count: seconds(path) for count, path in paths.items()} for _ in range(ROUNDS)]
        medians = {count: statistics.median(each[count] for each in rounds) for count in paths}
        for count, value in medians.items():
            print(f"{count:6} modules, YAML to plan: {value:6.2f} s")
        print(f"ratio: {medians[LARGE] / medians[SMALL]:.1f}")
        both = to_models(paths[SMALL])
        for name, value in both.items():
            print(f"{SMALL:6} modules, YAML to models, {name:8}: {value * 1000:7.1f} ms")
        if "PaddleX" in both:
            print(f"PaddleX ÷ hpi-plan: {both['PaddleX'] / both['hpi-plan']:.1f}")
