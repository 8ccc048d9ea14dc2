"""Options and models that all tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OCR = ROOT / "examples/ocr"
# Tests must not find the models or caches of whoever runs them.
os.environ.pop("HPI_MODELS", None)
os.environ.pop("HPI_CACHE_DIR", None)
sys.path[:0] = [str(Path(__file__).parent), str(OCR)]


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
