"""The rules of the house: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "hpi_planner": ROOT / "planner/hpi_planner",
    "hpi_runtime": ROOT / "runtime/hpi_runtime",
    "hpi_schemas": ROOT / "schemas/hpi_schemas",
}
INFERENCE = {"onnxruntime", "openvino", "paddle", "paddle2onnx", "tensorrt", "numpy", "cv2", "acl"}
# Imports that cost start-up time stand inside the functions that need them.
SLOW = {"networkx", "jsonschema", "rich", "omegaconf"}


def _imports(path: Path, top_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _files(package: str) -> list[Path]:
    return sorted(SOURCES[package].rglob("*.py"))


@pytest.mark.parametrize("path", _files("hpi_planner") + _files("hpi_schemas"), ids=lambda path: path.name)
def test_planner_and_schemas_import_no_inference_library(path: Path) -> None:
    assert not _imports(path, top_only=False) & INFERENCE
    assert not _imports(path, top_only=True) & SLOW


@pytest.mark.parametrize("path", _files("hpi_planner"), ids=lambda path: path.name)
def test_the_planner_never_imports_the_runner(path: Path) -> None:
    assert "hpi_runtime" not in _imports(path, top_only=False)


@pytest.mark.parametrize("path", _files("hpi_runtime"), ids=lambda path: path.name)
def test_the_runner_imports_the_planner_in_its_facade_alone(path: Path) -> None:
    assert "hpi_planner" not in _imports(path, top_only=True)
    if path.name != "api.py":
        assert "hpi_planner" not in _imports(path, top_only=False)


@pytest.mark.parametrize("path", _files("hpi_schemas"), ids=lambda path: path.name)
def test_schemas_import_neither(path: Path) -> None:
    assert not _imports(path, top_only=False) & {"hpi_planner", "hpi_runtime"}


def _modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_compiling_loads_no_inference_library() -> None:
    pipeline = ROOT / "examples/ocr/pipeline.yaml"
    code = f"from hpi_planner import request, compile as c\nc.compile(request.make({str(pipeline)!r}))"
    assert not _modules_after(code) & INFERENCE


def test_importing_the_runner_stays_light() -> None:
    assert not _modules_after("import hpi_runtime") & (INFERENCE | SLOW | {"yaml", "PIL"})


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "paddle"])
def test_finding_an_engine_does_not_load_its_backend(backend: str) -> None:
    loaded = _modules_after(f"from hpi_runtime import engines\nassert engines.find({backend!r})")
    assert not loaded & {"onnxruntime", "openvino", "paddle"}
