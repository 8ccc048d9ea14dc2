"""hpi-cache: what is prepared, whether it is whole, and what nobody needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
DIGITS = Path(__file__).parents[2] / "examples/digits"
PIPELINE = """pipeline_name: image_classification
use_hpip: true
SubModules:
  ImageClassification:
    model_name: digits_cnn
    model_dir: models/digits_cnn
    hpi_config: {backend: onnxruntime}
"""
pytestmark = [pytest.mark.paddle, pytest.mark.convert]


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "user")}
    command: list[str | Path] = [BIN / arguments[0], *arguments[1:]]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan whose model was converted."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copytree(DIGITS / "digits_cnn", folder / "models/digits_cnn", ignore=shutil.ignore_patterns(".cache"))
    (folder / "pipeline.yaml").write_text(PIPELINE)
    for command in (["hpi-plan", "pipeline.yaml", "--output", "plan.json"], ["hpi-run", "plan.json", "--prepare-only"]):
        done = _run(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "work")
    return tmp_path / "work"


def _artefacts(folder: Path) -> list[Path]:
    return [path for path in (folder / "models/digits_cnn/.cache").iterdir() if path.is_dir()]


def test_the_artefact_of_a_plan_is_listed_as_needed(folder: Path) -> None:
    (artefact,) = _artefacts(folder)
    (line,) = [line for line in _run(folder, "hpi-cache", "list", "plan.json").stdout.splitlines() if "whole" in line]
    assert line.split()[:2] == ["whole", "needed"]
    assert line.split()[3] == "to_onnx"
    assert line.endswith(artefact.name)
    below = _run(folder, "hpi-cache", "list", "--models", "models").stdout
    assert artefact.name in below
    assert "needed" not in below


def test_damage_is_found(folder: Path) -> None:
    assert _run(folder, "hpi-cache", "verify", "plan.json").returncode == 0
    (artefact,) = _artefacts(folder)
    (artefact / "inference.onnx").write_bytes(b"half")
    done = _run(folder, "hpi-cache", "verify", "plan.json")
    assert done.returncode == 1
    assert "damaged" in done.stdout


def test_prune_keeps_what_the_plans_need_and_removes_the_rest(folder: Path) -> None:
    (artefact,) = _artefacts(folder)
    other = artefact.with_name("0" * 24)
    shutil.copytree(artefact, other)
    broken_off = artefact.with_name(f"{'1' * 24}.building-7")
    broken_off.mkdir()
    tried = _run(folder, "hpi-cache", "prune", "plan.json", "--dry-run")
    assert "would remove" in tried.stdout
    assert other.is_dir()
    assert _run(folder, "hpi-cache", "prune", "plan.json").returncode == 0
    assert _artefacts(folder) == [artefact]
    assert (artefact / "inference.onnx").is_file()
    rebuilt = _run(folder, "hpi-run", "plan.json", "--prepare-only")
    assert (rebuilt.returncode, "to_onnx" in rebuilt.stderr) == (0, False)


@pytest.mark.fault("caches in which something else lies")
def test_prune_removes_what_is_ours_and_nothing_else(folder: Path) -> None:
    (artefact,) = _artefacts(folder)
    names = ["notes.txt", "thesis", f"{artefact.name}.txt", "f" * 23, ".hidden"]
    for name in names:
        artefact.with_name(name).write_text("precious")
    ours = [artefact.with_name(name) for name in (f"{'0' * 24}.log", f"{'0' * 24}.lock", "tensorrt-timing.cache")]
    for place in ours:
        place.write_text("ours")
    assert _run(folder, "hpi-cache", "list", "plan.json").stdout.count("foreign") == len(names)
    assert _run(folder, "hpi-cache", "prune", "plan.json").returncode == 0
    assert [artefact.with_name(name).read_text() for name in names] == ["precious"] * len(names)
    assert not any(place.exists() for place in ours)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "name the plans whose artefacts are to stay"),
        (["list"], "name plans, or a folder"),
        (["list", "--models", "nowhere"], "is no folder"),
        (["verify", "nothing.json"], "cannot be read"),
    ],
)
def test_a_mistake_is_said_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(folder, "hpi-cache", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
