"""What people who come from PaddleX write in Python, looked up in PaddleX's own code."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

TABLE = Path(__file__).parents[2] / "schemas/hpi_schemas/predict_arguments.yaml"
ARGUMENTS = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
NATIVE = sorted(
    path.stem
    for path in (Path(__file__).parents[2] / "planner/hpi_planner/pipelines").glob("*.yaml")
    if "graph" in yaml.safe_load(path.read_text(encoding="utf-8"))
)


def test_every_pipeline_that_runs_natively_has_its_arguments() -> None:
    assert sorted(ARGUMENTS) == NATIVE


# Whose ``predict`` is another's.
INHERITED = {"face_recognition": "PP-ShiTuV2"}


@pytest.mark.parametrize("name", NATIVE)
def test_predict_takes_the_arguments_of_paddlexs(trees: Sequence[ast.Module], name: str) -> None:
    signatures = [
        {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)} | _taken(node)
        for tree in trees
        if INHERITED.get(name, name) in _entities(tree)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "predict"
    ]
    assert set(ARGUMENTS[name]) | {"self", "input"} == set().union(*signatures)


@pytest.fixture(scope="module")
def trees(shipped: Path) -> list[ast.Module]:
    """The files of PaddleX's pipelines."""
    files = (shipped.parent / "inference/pipelines").glob("*/pipeline*.py")
    return [ast.parse(file.read_text(encoding="utf-8")) for file in files]


def _taken(function: ast.FunctionDef) -> set[str]:
    """Return the arguments that a function takes out of ``kwargs``."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) in ("kwargs.get", "kwargs.pop")}


def _entities(tree: ast.Module) -> list[str]:
    """Return the names of the pipelines in a file."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and "entities" in [ast.unparse(target) for target in node.targets]:
            said = ast.literal_eval(node.value)
            found += [said] if isinstance(said, str) else said
    return found
