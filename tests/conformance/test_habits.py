"""What people who come from PaddleX write in Python, looked up in PaddleX's own code."""

from __future__ import annotations

import ast
import re
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


@pytest.mark.parametrize("name", NATIVE)
def test_predict_takes_the_arguments_of_paddlexs(shipped: Path, name: str) -> None:
    # One file has those of people and vehicles.
    folder = re.sub("^(pedestrian|vehicle)_", "", name.lower())
    source = shipped.parent / f"inference/pipelines/{folder}/pipeline.py"
    signatures = [
        {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "predict"
    ]
    assert set(ARGUMENTS[name]) | {"self", "input"} == set().union(*signatures)
