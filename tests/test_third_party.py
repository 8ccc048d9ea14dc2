"""A backend from another package: installed, planned for and run, with nothing of ours changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PIPELINE = """\
pipeline_name: image_classification
use_hpip: true
hpi_config: {auto_config: false, backend: reference, backend_config: {verbose: 0}}
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: page_orientation}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine on which the package is installed."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "package"
    subprocess.run(["cp", "-r", str(ROOT / "tests/third_party"), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*pip, str(target), str(source)], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def run(environment: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page_orientation").symlink_to(ROOT / "examples/ocr/page_orientation")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path


def test_a_backend_of_another_package_is_planned_and_run(environment: dict[str, str], folder: Path) -> None:
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads((folder / "plan.json").read_text())
    module = plan["modules"]["SubModules.ImageClassification"]
    assert module["engine"] == {"backend": "reference", "config": {"verbose": 0}, "fallback": [], "prepare": []}
    picture = str(ROOT / "examples/ocr/receipt.jpg")
    done = run(environment, folder, "hpi-run", "plan.json", "--input", picture, "--record", "run.json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    plain = run(
        environment, folder, "hpi-plan", "pipeline.yaml", "--hpi_config", "{backend: onnxruntime}", "--device", "cpu"
    )
    (folder / "plain.json").write_text(plain.stdout)
    done = run(environment, folder, "hpi-run", "plain.json", "--input", picture)
    expected = json.loads(done.stdout)
    assert found["class_ids"] == expected["class_ids"]
    assert found["scores"] == pytest.approx(expected["scores"], abs=1e-4)
    record = json.loads((folder / "run.json").read_text())["modules"]["SubModules.ImageClassification"]
    assert (record["backend"], record["actual"]) == ("reference", {"device": "cpu", "verbose": 0})


def test_its_options_are_checked_like_any_other(environment: dict[str, str], folder: Path) -> None:
    override = "hpi_config.backend_config={verbos: 1}"
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "-o", override)
    assert done.returncode == 2
    assert "did you mean `verbose`?" in done.stderr


def test_without_the_package_the_plan_is_refused_by_name(environment: dict[str, str], folder: Path) -> None:
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu")
    (folder / "plan.json").write_text(done.stdout)
    done = run(dict(os.environ), folder, "hpi-run", "plan.json", "--input", str(ROOT / "examples/ocr/receipt.jpg"))
    assert done.returncode == 3
    assert "the backend reference is not known to this hpi-run" in done.stderr
