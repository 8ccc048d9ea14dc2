"""A pipeline that runs in a moment: the example's page classifier, a plan for this machine, and two pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples/ocr/page_orientation"
PIPELINE = """pipeline_name: image_classification
use_hpip: true
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: model, topk: 2}
"""
ADDRESS = "SubModules.ImageClassification"


def lay_out(folder: Path, backend: str = "onnxruntime") -> None:
    """Make ``pipeline.yaml``, ``model``, ``plan.json`` and ``pictures`` in a folder."""
    (folder / "pipeline.yaml").write_text(PIPELINE)
    shutil.copytree(MODEL, folder / "model", ignore=shutil.ignore_patterns(".cache"))
    chosen = f"{{auto_config: false, backend: {backend}}}"
    done = run(folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--hpi_config", chosen, "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    for name in ("a", "b"):
        picture(folder / f"pictures/{name}.png", ord(name))


def picture(path: Path, seed: int = 0) -> None:
    """Write a picture of noise; two seeds, two pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8))
    assert done
    path.write_bytes(data.tobytes())


def run(folder: Path, command: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run one of the installed commands in a folder."""
    given: dict[str, Any] = {"capture_output": True, "timeout": 100, **options}
    return subprocess.run(
        [BIN / command, *arguments], cwd=folder, check=False, text=True, encoding="utf-8", errors="replace", **given
    )


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the records that hpi-run wrote to stdout."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def change(path: Path, value: Any, *keys: str) -> None:
    """Set a value inside a JSON file."""
    data = json.loads(path.read_text())
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(data))
