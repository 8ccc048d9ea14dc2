"""The digits example: a model trained here, the same answers from three backends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DIGITS = Path(__file__).parent.parent.parent / "examples/digits"


@pytest.mark.convert
@pytest.mark.paddle
def test_the_three_backends_agree_on_every_digit(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(DIGITS, folder, ignore=shutil.ignore_patterns(".cache", "output"))
    done = subprocess.run([sys.executable, "classify.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    right = {line.split()[0]: int(line.split()[1]) for line in lines[:3]}
    assert set(right) == {"paddle", "onnxruntime", "openvino"}
    assert len(set(right.values())) == 1
    assert min(right.values()) >= 0.95 * 360
    assert lines[3] == "the three backends agree on every digit"


@pytest.mark.paddle
def test_the_committed_model_can_be_trained_again_in_seconds(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "train.py", "--output", str(tmp_path)],
        cwd=DIGITS,
        capture_output=True,
        check=True,
        timeout=120,
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"inference.json", "inference.pdiparams", "inference.yml"}
    assert (tmp_path / "inference.yml").read_text() == (DIGITS / "digits_cnn/inference.yml").read_text()


def test_the_committed_plan_follows_from_the_pipeline(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hpi_planner", "pipeline.yaml", "--target", "target.json"]
    done = subprocess.run(command, cwd=DIGITS, capture_output=True, check=True)
    assert done.stdout == (DIGITS / "plan.json").read_bytes()
