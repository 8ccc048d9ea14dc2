"""Engines that are compiled ahead of loading: what the planner writes, and what hpi-run makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime.prepare.cache import Artefact
from hpi_schemas import probe
from hpi_schemas.device import CPU
from hpi_schemas.plan.model import PrepareStep
from hpi_schemas.validate import faults

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
MODULE = "SubModules.ImageClassification"
PIPELINE = """pipeline_name: image_classification
use_hpip: true
hpi_config: {{backend: {backend}{more}}}
SubModules:
  ImageClassification: {{model_name: page_orientation, model_dir: model}}
"""
STEPS = {"onnxruntime": "optimize_onnx", "openvino": "compile_openvino"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [BIN / arguments[0], *arguments[1:]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")


def planned(folder: Path, backend: str, *options: str, more: str = "") -> dict[str, Any]:
    (folder / "pipeline.yaml").write_text(PIPELINE.format(backend=backend, more=more))
    done = run(folder, "hpi-plan", "pipeline.yaml", *options, "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads((folder / "plan.json").read_text())["modules"][MODULE]
    return record


def answers(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the result of the plan without its digest, and what was said."""
    done = run(folder, "hpi-run", "plan.json", "--input", "receipt.jpg")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    del result["plan"]
    return result, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples/ocr/page_orientation", tmp_path / "model", ignore=shutil.ignore_patterns(".cache"))
    shutil.copy(ROOT / "examples/ocr/receipt.jpg", tmp_path)
    return tmp_path


@pytest.mark.parametrize("backend", list(STEPS))
def test_optimize_cold_prepares_once_what_loading_does_and_answers_the_same(backend: str, folder: Path) -> None:
    assert planned(folder, backend)["engine"]["prepare"] == []
    expected, _ = answers(folder)
    record = planned(folder, backend, "--optimize", "cold")
    assert [step["step"] for step in record["engine"]["prepare"]] == [STEPS[backend]]
    assert record["engine"]["config"]["compile_ahead"] is True
    assert record["origin"]["engine.config.compile_ahead"] == "override:0"
    found, said = answers(folder)
    assert found == expected
    assert STEPS[backend] in said
    found, said = answers(folder)
    assert found == expected
    assert STEPS[backend] not in said
    assert run(folder, "hpi-plan", "--check", "plan.json").returncode == 0
    assert "is prepared before its first run" in run(folder, "hpi-review", "show", "plan.json").stdout


def test_the_yaml_may_ask_for_it_and_its_no_wins(folder: Path) -> None:
    asked = planned(folder, "openvino", more=", backend_config: {compile_ahead: true}")
    assert [step["step"] for step in asked["engine"]["prepare"]] == ["compile_openvino"]
    refused = planned(folder, "openvino", "--optimize", "cold", more=", backend_config: {compile_ahead: false}")
    assert refused["engine"]["prepare"] == []


def test_a_damaged_compiled_model_is_made_again(folder: Path) -> None:
    planned(folder, "openvino", "--optimize", "cold")
    expected, _ = answers(folder)
    (blob,) = folder.glob("model/.cache/*/compiled.blob")
    blob.write_bytes(blob.read_bytes()[:-100])
    found, said = answers(folder)
    assert found == expected
    assert "compile_openvino" in said


def test_another_processor_and_other_options_need_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def key(**options: Any) -> str:
        step = PrepareStep("compile_openvino", "openvino", options, "compiled.blob")
        return Artefact(step, tmp_path, ("inference.onnx",), {"inference.onnx": "sha256:0"}, tmp_path, CPU).key

    own = key(num_streams=1)
    assert key(num_streams=2) != own
    monkeypatch.setattr(probe, "cpu_features", lambda: ("of another",))
    assert key(num_streams=1) != own


def test_other_ways_to_optimise_need_a_profile(folder: Path) -> None:
    planned(folder, "openvino")
    for more in ((), ("--candidates", "c.json")):
        done = run(folder, "hpi-plan", "pipeline.yaml", "--optimize", "latency", *more)
        assert (done.returncode, "go with --profile" in done.stderr) == (2, True)
    assert not (folder / "c.json").exists()


def test_a_profile_of_first_results_decides_for_programs_that_start_often(folder: Path) -> None:
    # Much is given, so that there is less to measure.
    given = ", backend_config: {cpu_num_threads: 1, num_streams: 1, precision: fp32}"
    (folder / "pipeline.yaml").write_text(PIPELINE.format(backend="onnxruntime", more=given))
    measuring = ("hpi-bench", "--candidates", "c.json", "--profile", "profile.json", "--input", "receipt.jpg")
    for command in (("hpi-plan", "pipeline.yaml", "--candidates", "c.json", "--optimize", "cold"), measuring):
        done = run(folder, *command)
        assert done.returncode == 0, done.stderr
    assert "ms from a start" in done.stdout
    profile = json.loads((folder / "profile.json").read_text())
    assert faults("profile", profile) == []
    entries = profile["modules"][MODULE]["entries"]
    assert {entry["engine"]["config"]["compile_ahead"] for entry in entries} == {True, False}
    assert all(entry["milliseconds"]["cold"] > 100 for entry in entries)
    # A start has a whole interpreter in it; answers of the fastest were looked at, and how fast they are later.
    judged = [entry for entry in entries if "agreement" in entry]
    assert judged[0] is entries[0]
    assert all(entry["milliseconds"]["cold"] > 2 * entry["milliseconds"]["latency"] > 0 for entry in judged)
    assert profile["combinations"][0]["ratio"] == {"cold": 1.0, "latency": 1.0, "throughput": 1.0}
    done = run(
        folder, "hpi-plan", "pipeline.yaml", "--optimize", "cold", "--profile", "profile.json", "--output", "plan.json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "plan.json").read_text())["modules"][MODULE]["profile"]["ratio"]["cold"] <= 1.0
    assert run(folder, "hpi-plan", "--check", "plan.json").returncode == 0
    assert "from a start to a first result" in run(folder, "hpi-review", "show", "plan.json").stdout
    # It is no profile of anything else, and goes on where it was.
    assert run(folder, "hpi-plan", "pipeline.yaml", "--candidates", "c.json").returncode == 0
    done = run(folder, *measuring)
    assert (done.returncode, "--optimize" in done.stderr) == (2, True)
