"""A repository with a pipeline, its models and its plan, for tests to change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hpi_planner.cli import plan as plan_command
from support import model_configs, tiny_onnx

BIN = Path(sys.executable).parent
PIPELINE = """pipeline_name: OCR
text_type: general
use_hpip: true
use_doc_preprocessor: false
hpi_config:
  backend_config: {cpu_num_threads: 2}
SubModules:
  TextLineOrientation:
    model_name: PP-LCNet_x1_0_textline_ori
    model_dir: models/ori
  TextDetection:
    model_name: PP-OCRv5_mobile_det
    model_dir: models/det
    thresh: 0.3
  TextRecognition:
    model_name: PP-OCRv5_mobile_rec
    model_dir: models/rec
    batch_size: 6
"""
TARGET: dict[str, Any] = {
    "arch": "x86_64",
    "backends": {"om": None, "onnxruntime": "1.31.0", "openvino": "2026.4.1", "paddle": None, "tensorrt": None},
    "cores": 4,
    "os": "linux",
}
NAMES = {"ori": "PP-LCNet_x1_0_textline_ori", "det": "PP-OCRv5_mobile_det", "rec": "PP-OCRv5_mobile_rec"}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline with three models; nothing is compiled yet."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    (tmp_path / "target.json").write_text(json.dumps(TARGET))
    for folder, name in NAMES.items():
        place = tmp_path / "models" / folder
        place.mkdir(parents=True)
        (place / "inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 H W"))
        (place / "inference.yml").write_text(model_configs.text(name))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Runs one of the installed commands there."""

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / arguments[0], *arguments[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            encoding="utf-8",
        )

    return command


@pytest.fixture
def plan(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Compiles the pipeline into a file of that name, for the test's target."""

    def compiled(name: str, *arguments: str, target: str = "target.json", pipeline: str = "pipeline.yaml") -> str:
        with monkeypatch.context() as here:
            here.chdir(folder)
            assert plan_command.main([pipeline, "--target", target, "--output", name, *arguments]) == 0
        return name

    return compiled
