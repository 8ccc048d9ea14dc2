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


def test_other_ways_to_optimise_need_a_profile_and_candidates_take_none(folder: Path) -> None:
    planned(folder, "openvino")
    done = run(folder, "hpi-plan", "pipeline.yaml", "--optimize", "latency")
    assert (done.returncode, "go with --profile" in done.stderr) == (2, True)
    done = run(folder, "hpi-plan", "pipeline.yaml", "--optimize", "cold", "--candidates", "c.json")
    assert (done.returncode, "not with --candidates" in done.stderr) == (2, True)
    assert not (folder / "c.json").exists()
