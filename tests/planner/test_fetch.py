"""Official models are fetched when somebody asks for it, whole or not at all, from a hub that is imitated here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hpi_schemas.canonical import digest_file
from support.hub import Hub, hub

BIN = Path(sys.executable).parent
DETECTOR, READER = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
PIPELINE = f"""pipeline_name: OCR
text_type: general
use_doc_preprocessor: false
use_textline_orientation: false
SubModules:
  TextDetection: {{module_name: text_detection, model_name: {DETECTOR}}}
  TextRecognition: {{module_name: text_recognition, model_name: {READER}}}
"""


@pytest.fixture
def served(models: Path) -> Iterator[Hub]:
    with hub({f"PaddlePaddle/{name}": models / name for name in (DETECTOR, READER)}) as found:
        yield found


@pytest.fixture
def plan(tmp_path: Path, served: Hub) -> Any:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)

    def run(*arguments: str, environment: Mapping[str, str] = MappingProxyType({})) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        own = {"HF_ENDPOINT": served.url, "HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        return subprocess.run(
            [BIN / "hpi-plan", "pipeline.yaml", *arguments, "--output", "plan.json"],
            cwd=tmp_path,
            env={**clean, **own, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def shown(folder: Path) -> set[str]:
    """The names in a folder without those that are hidden: locks."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_what_is_missing_is_fetched_into_paddlexs_folder_and_told_with_digests(
    plan: Any, tmp_path: Path, models: Path
) -> None:
    done = plan("--fetch")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / ".paddlex/official_models"
    assert shown(folder) == {DETECTOR, READER}
    for name in (DETECTOR, READER):
        assert digest_file(folder / name / "inference.onnx") in done.stderr
        assert {path.name for path in (folder / name).iterdir()} == {"inference.onnx", "inference.yml"}
        assert digest_file(folder / name / "inference.onnx") == digest_file(models / name / "inference.onnx")
    assert (tmp_path / "plan.json").is_file()


def test_what_is_there_is_not_asked_for(plan: Any, tmp_path: Path, served: Hub, models: Path) -> None:
    shutil.copytree(models / DETECTOR, tmp_path / "mine" / DETECTOR, ignore=shutil.ignore_patterns(".cache"))
    done = plan("--models", "mine", "--fetch", "theirs")
    assert done.returncode == 0, done.stderr
    assert shown(tmp_path / "theirs") == {READER}
    assert not any(DETECTOR in path for path in served.asked)
    served.asked.clear()
    done = plan("--models", "mine", "--fetch", "theirs")
    assert (done.returncode, served.asked) == (0, [])
    assert "every official model that this takes is there" in done.stderr


def test_without_asking_nothing_is_fetched_and_the_error_names_one_command_for_all(
    plan: Any, served: Hub, tmp_path: Path
) -> None:
    done = plan()
    assert done.returncode == 2
    assert done.stderr.count("error[model-not-found]") == 2
    assert "`hpi-plan … --fetch` fetches all models that are missing" in done.stderr
    assert served.asked == []
    assert not (tmp_path / "plan.json").exists()


def test_a_connection_that_breaks_off_leaves_no_model_and_the_next_attempt_goes_on(
    plan: Any, served: Hub, tmp_path: Path
) -> None:
    del served.folders[f"PaddlePaddle/{READER}"]
    done = plan("--fetch", "here")
    assert done.returncode == 2
    assert f"has no PaddlePaddle/{READER}" in done.stderr
    # What came before it is whole, and stays.
    assert shown(tmp_path / "here") == {DETECTOR}
    assert "Traceback" not in done.stderr


def test_half_a_file_is_gone_on_with(plan: Any, served: Hub, tmp_path: Path, models: Path) -> None:
    # The hub's library goes on by itself, or the next attempt does.
    served.broken["inference.onnx"] = 1_000_000
    done = plan("--fetch", "here")
    if done.returncode:
        assert not (tmp_path / "here" / DETECTOR).exists()
        assert "Traceback" not in done.stderr
        done = plan("--fetch", "here")
    assert done.returncode == 0, done.stderr
    for name in (DETECTOR, READER):
        assert digest_file(tmp_path / "here" / name / "inference.onnx") == digest_file(models / name / "inference.onnx")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_hub_that_cannot_be_reached_is_said_in_a_line(plan: Any, tmp_path: Path, endpoint: str) -> None:
    done = plan("--fetch", "here", environment={"HF_ENDPOINT": endpoint})
    assert done.returncode == 2
    assert f"cannot be fetched from {endpoint}: it cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plan.json").exists()


def test_a_folder_that_cannot_be_made_is_said(plan: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = plan("--fetch", "file/models")
    assert (done.returncode, "cannot be made" in done.stderr) == (2, True)


def test_without_its_package_the_extra_is_named(plan: Any, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow/huggingface_hub.py").write_text("raise ModuleNotFoundError(name='huggingface_hub')\n")
    done = plan("--fetch", environment={"PYTHONPATH": str(tmp_path / "shadow")})
    assert done.returncode == 3
    assert "pip install 'huggingface-hub" in done.stderr


@pytest.mark.parametrize("option", ["--check", "--bom"])
def test_it_goes_with_a_pipeline(option: str) -> None:
    done = subprocess.run(
        [BIN / "hpi-plan", option, "plan.json", "--fetch"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"{option} takes no --fetch" in done.stderr) == (2, True)
