"""A run imports what its plan needs, and little else: programs that start for one picture wait for every import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

OCR = Path(__file__).parents[2] / "examples/ocr"
RUN = """
import json, sys
from hpi_runtime.cli.run import main
assert main(sys.argv[1:]) == 0
from hpi_schemas import packaged
searched = packaged._installed.cache_info().currsize
print(json.dumps([searched, sorted(sys.modules)]), file=sys.stderr)
"""
# Of other plans, inputs and outputs than those of this run.
NEVER = {
    "asyncio",
    "hpi_planner",
    "hpi_runtime.documents.markdown",
    "matplotlib",
    "onnx",
    "openvino",
    "pandas",
    "tarfile",
}


def test_reading_a_receipt_needs_nothing_of_other_plans_inputs_and_packages(models: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    program = str(Path(sys.executable).parent / "hpi-plan")
    given = ["--hpi_config", "{backend: onnxruntime}", "-o", "SubModules.TextRecognition.hpi_config=null"]
    command = [program, str(OCR / "pipeline.yaml"), "--root", str(OCR), "--output", str(plan)]
    subprocess.run([*command, *given], check=True, capture_output=True)
    run = [sys.executable, "-c", RUN, str(plan), "--root", str(OCR), "--quiet", "--input", str(OCR / "receipt.jpg")]
    done = subprocess.run(run, check=True, capture_output=True, text=True, encoding="utf-8")
    searched, imported = json.loads(done.stderr.splitlines()[-1])
    assert set(imported) & NEVER == set()
    # What other packages bring is looked for where a plan needs more than there is here.
    assert not searched
