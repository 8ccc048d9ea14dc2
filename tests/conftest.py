"""Options and models that all tests share."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
OCR = ROOT / "examples/ocr"
# Tests must not find the models or caches of whoever runs them.
os.environ.pop("HPI_MODELS", None)
os.environ.pop("HPI_CACHE_DIR", None)
sys.path[:0] = [str(Path(__file__).parent), str(OCR)]


# The same examples on every run: what CI finds can be found again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite the golden cases with what comes out")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, package in (("paddle", "paddle"), ("convert", "paddle2onnx")):
        if importlib.util.find_spec(package) is None:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=f"{package} is not installed (no wheel for this Python)"))


@pytest.fixture(scope="session")
def models() -> Path:
    """The example's model folders; `make test` lays them out."""
    folder = OCR / "models"
    if not (folder / "PP-OCRv6_small_rec/inference.onnx").is_file():
        from prepare_models import prepare

        prepare(folder)
    return folder


@pytest.fixture(scope="session")
def engine_models(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's ONNX models and, where Paddle is installed, the line classifier's Paddle twins."""
    root = tmp_path_factory.mktemp("engines")
    (root / "models").symlink_to(models)
    if importlib.util.find_spec("paddle") is not None:
        name = "ch_ppocr_mobile_v2.0_cls"
        twins(models, root / "pir", [name])
        twins(models, root / "legacy", [name], "--legacy")
    return root


@pytest.fixture(scope="session")
def paddle_models(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paddle twins (.json) of the example's detector and recogniser, below models/."""
    folder = tmp_path_factory.mktemp("twins") / "models"
    twins(models, folder, ["PP-OCRv6_small_det", "PP-OCRv6_small_rec"])
    return folder


def twins(models: Path, target: Path, names: list[str], *options: str) -> None:
    """Convert models side by side, a process each: Paddle builds one program per process."""
    script = str(OCR / "onnx_to_paddle.py")
    jobs = [
        subprocess.Popen(
            [sys.executable, script, str(models / name), str(target / name), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for job in jobs:
        _, errors = job.communicate()
        assert job.returncode == 0, errors
