"""The rules of the house: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "hpi_paddlex": ROOT / "runtime/hpi_paddlex",
    "hpi_planner": ROOT / "planner/hpi_planner",
    "hpi_ray": ROOT / "runtime/hpi_ray",
    "hpi_runtime": ROOT / "runtime/hpi_runtime",
    "hpi_serve": ROOT / "runtime/hpi_serve",
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


@pytest.mark.parametrize("path", _files("hpi_paddlex"), ids=lambda path: path.name)
def test_the_host_imports_no_planner_and_paddlex_where_its_classes_are_needed_alone(path: Path) -> None:
    assert "hpi_planner" not in _imports(path, top_only=False)
    assert ("paddlex" in _imports(path, top_only=False)) == (
        path.name in ("dropin.py", "features.py", "paddlex_engine.py")
    )


@pytest.mark.parametrize("path", _files("hpi_runtime"), ids=lambda path: path.name)
def test_the_runner_knows_the_host_where_plans_are_loaded_alone(path: Path) -> None:
    assert "hpi_paddlex" not in _imports(path, top_only=True)
    if path.name != "loader.py":
        assert "hpi_paddlex" not in _imports(path, top_only=False)


@pytest.mark.parametrize("path", _files("hpi_planner") + _files("hpi_runtime"), ids=lambda path: path.name)
def test_nobody_knows_the_service_and_ray(path: Path) -> None:
    assert not _imports(path, top_only=False) & {"hpi_serve", "hpi_ray", "ray"}


@pytest.mark.parametrize("path", _files("hpi_serve"), ids=lambda path: path.name)
def test_the_service_varies_plans_by_the_planner_and_does_not_make_any(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} & {"hpi_planner"}
    assert not found or path.name == "serving.py"


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


# Words of plans, candidates, profiles and records. As keys they are read in hpi_schemas alone, where the types are.
PLAN_WORDS = frozenset(
    (
        *("batch_size", "candidates", "double_lists", "engine", "entries", "external", "fallback", "files", "formats"),
        *("graph", "hpi_config", "lower", "milliseconds", "model", "module_name", "modules", "must_understand"),
        *("not_chosen", "order", "origin", "outputs", "prepare", "produces", "ratio", "agreement", "replicas", "rules"),
        *("settings", "stages", "target", "use_hpip"),
    )
)
# Who else reads mappings with such words, and of what.
OTHER_MAPPINGS = {
    "hpi_planner/knowledge/__init__.py": "prior knowledge",
    "hpi_planner/paddlex/builtin_configs.py": "PaddleX's YAML",
    "hpi_planner/paddlex/definitions.py": "the pipelines' data",
    "hpi_planner/paddlex/inheritance.py": "PaddleX's YAML",
    "hpi_planner/paddlex/node_reader.py": "PaddleX's YAML",
    "hpi_planner/paddlex/graph.py": "the pipelines' data",
    "hpi_runtime/bench/recorder.py": "what its process is asked",
    "hpi_runtime/judge/compare.py": "a comparison",
    "hpi_runtime/pickles/arrays.py": "what a pickle names",
    "hpi_runtime/pickles/reading.py": "the state of an array",
    "hpi_runtime/prepare/__init__.py": "the record of an artefact",
    "hpi_runtime/prepare/cache.py": "the record of an artefact",
    "hpi_runtime/prepare/calibration.py": "the record of an artefact",
    "hpi_runtime/prepare/child.py": "what its process is asked",
    "hpi_runtime/prepare/inventory.py": "the record of an artefact",
}


def _keys(path: Path) -> set[str]:
    """Return the constants by which a file reads mappings."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found


def test_plans_are_read_by_their_types_outside_the_schemas() -> None:
    found = {}
    for package in ("hpi_planner", "hpi_runtime"):
        for path in _files(package):
            words = _keys(path) & PLAN_WORDS
            if words:
                found[f"{package}/{path.relative_to(SOURCES[package])}"] = words
    assert set(found) == set(OTHER_MAPPINGS), found


# A file has one reason to exist, and that fits in few lines.
MOST_LINES, MOST_LINES_OF_A_PASS = 300, 150
# The plan is one document, and stands in one file.
LARGER = {"hpi_schemas/plan/model.py"}


@pytest.mark.parametrize("package", SOURCES)
def test_files_are_short_and_passes_shorter(package: str) -> None:
    long = {}
    for path in _files(package):
        name = f"{package}/{path.relative_to(SOURCES[package])}"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        most = MOST_LINES_OF_A_PASS if path.parent.name == "passes" else MOST_LINES
        if lines > most and name not in LARGER:
            long[name] = lines
    assert long == {}


# Where people are spoken to: the commands, their shell, and what is run as a process of a command's.
SPEAKING = (
    *("cli/", "__main__.py", "bench/show.py", "bench/candidate.py", "bench/recorder.py", "bench/worker.py"),
    *("inputs/pdf_child.py", "prepare/child.py", "prepare/steps/"),
)


@pytest.mark.parametrize("path", _files("hpi_runtime"), ids=lambda path: path.name)
def test_library_code_writes_nothing_to_the_streams(path: Path) -> None:
    name = path.relative_to(SOURCES["hpi_runtime"]).as_posix()
    if name.startswith(SPEAKING):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    streams = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys"
    }
    assert not calls & {"say", "print", "drawing_console", "table_console"}
    assert not streams & {"stdout", "stderr"}
