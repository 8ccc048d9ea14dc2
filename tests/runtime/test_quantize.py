"""int8 models, made by the real NNCF and run by the real backends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PrepareError
from hpi_runtime.prepare import calibration, engine_files
from hpi_runtime.prepare.cache import Artefact
from hpi_schemas.canonical import digest_file
from hpi_schemas.device import CPU
from hpi_schemas.plan import read
from support import records
from support.engines import CONFIGS

BIN = Path(sys.executable).parent
MODEL = Path(__file__).parents[2] / "examples/ocr/models/ch_ppocr_mobile_v2.0_cls"
STEPS = {
    "openvino": {"produces": "inference.xml", "step": "quantize_openvino", "tool": "nncf"},
    "onnxruntime": {"produces": "inference.onnx", "step": "quantize_onnx", "tool": "onnx"},
}
PIPELINE = """pipeline_name: image_classification
use_hpip: true
SubModules:
  ImageClassification:
    model_name: ch_ppocr_mobile_v2.0_cls
    model_dir: model
    hpi_config: {backend: openvino, backend_config: {precision: int8, calibration: 'DIGEST'}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL, tmp_path / "model", ignore=shutil.ignore_patterns(".cache")))


def samples(seed: int) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (1, 3, 48, 192)).astype(np.float32) for _ in range(3)]


def prepared(folder: Path, backend: str, digest: str) -> tuple[Path, tuple[str, ...]]:
    step = {"options": {"calibration": digest}, **STEPS[backend]}
    files = {name: digest_file(folder / name) for name in ("inference.onnx", "inference.yml")}
    return engine_files(records.model(files), records.engine(step), folder, CPU)[:2]


def loaded(backend: str, place: Path, files: tuple[str, ...], precision: str) -> Engine:
    kind = engines.find(backend)
    assert kind is not None
    return kind(place, files, {**CONFIGS[backend], "precision": precision}, CPU)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_an_int8_model_is_made_once_and_answers_nearly_as_the_fp32_one(backend: str, folder: Path) -> None:
    data = samples(0)
    digest = calibration.store(folder, data)
    place, files = prepared(folder, backend, digest)
    assert prepared(folder, backend, digest) == (place, files)
    assert json.loads((place / "artefact.json").read_text())["found"] == {"samples": 3}
    with loaded(backend, folder, ("inference.onnx",), "fp32") as usual, loaded(backend, place, files, "int8") as small:
        name = usual.inputs[0].name
        for sample in data:
            expected = usual.run({name: sample})[usual.outputs[0]]
            found = small.run({small.inputs[0].name: sample})[small.outputs[0]]
            cosine = (expected @ found.T).item() / np.linalg.norm(expected) / np.linalg.norm(found)
            assert cosine > 0.95
            assert not np.array_equal(expected, found)
        if backend == "openvino":
            assert small.actual()["precision"] == "int8"


def test_openvino_refuses_a_plan_that_says_int8_of_a_model_that_is_not_quantised(folder: Path) -> None:
    with pytest.raises(EngineError, match="the plan says precision int8, the backend runs fp32"):
        loaded("openvino", folder, ("inference.onnx",), "int8")


def test_the_same_samples_have_the_same_digest_and_others_make_another_model(folder: Path) -> None:
    first = calibration.store(folder, samples(0))
    assert calibration.store(folder, samples(0)) == first
    second = calibration.store(folder, samples(1))
    assert first != second
    for one, other in zip(calibration.load(folder, first), samples(0), strict=True):
        np.testing.assert_array_equal(one, other)
    keys = []
    for digest in (first, second):
        step = {"options": {"calibration": digest}, **STEPS["openvino"]}
        keys.append(Artefact(read.step(step), folder, ("inference.onnx",), {}, folder, CPU).key)
    assert keys[0] != keys[1]


def test_samples_that_are_nowhere_are_named_with_where_they_belong(folder: Path) -> None:
    wanted = "sha256:" + "7" * 64
    with pytest.raises(PrepareError, match=r"quantize_openvino of .* failed") as fault:
        prepared(folder, "openvino", wanted)
    assert wanted in str(fault.value)
    assert f"{folder}/.cache/{'7' * 24}" in str(fault.value)


def test_damaged_samples_are_not_taken(folder: Path) -> None:
    digest = calibration.store(folder, samples(0))
    file = folder / ".cache" / calibration.key(digest) / calibration.FILE
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(PrepareError, match="are in no cache"):
        list(calibration.load(folder, digest))
    assert calibration.store(folder, samples(0)) == digest
    assert len(list(calibration.load(folder, digest))) == 3


def test_the_cache_keeps_the_samples_that_a_plan_needs(folder: Path) -> None:
    digest = calibration.store(folder, samples(0))
    other = calibration.store(folder, samples(1))
    (folder.parent / "pipeline.yaml").write_text(PIPELINE.replace("DIGEST", digest))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [BIN / arguments[0], *arguments[1:]]
        return subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)

    done = run("hpi-plan", "pipeline.yaml", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    done = run("hpi-run", "plan.json", "--prepare-only")
    assert done.returncode == 0, done.stderr
    done = run("hpi-cache", "prune", "plan.json")
    assert done.returncode == 0, done.stderr
    left = {path.name for path in (folder / ".cache").iterdir() if path.is_dir()}
    assert calibration.key(digest) in left
    assert calibration.key(other) not in left
    assert len(left) == 2


def test_nncf_reports_to_nobody() -> None:
    code = (
        "from nncf.telemetry import telemetry\nfrom unittest.mock import MagicMock\n"
        "assert isinstance(telemetry, MagicMock), telemetry"
    )
    env = {**os.environ, "NNCF_CI": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
