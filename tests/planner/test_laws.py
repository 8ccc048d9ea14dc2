"""What must hold for every pipeline."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hpi_planner.compile import compile
from hpi_planner.models import RecordedReader
from hpi_planner.paddlex import builtin_configs, definitions
from hpi_planner.paddlex.engine_names import supported
from hpi_planner.syntax import overrides
from hpi_schemas.backends import load_all
from hpi_schemas.plan.read import read
from hpi_schemas.target import Target
from hypothesis import given, settings
from support.pipelines import CPU, GPU, any_pipeline, naive_inheritance, ocr, request

OCR = Path(__file__).parent.parent.parent / "examples/ocr"


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    return value


@given(ocr() | any_pipeline())
def test_inheritance_agrees_with_the_naive_resolver(pipeline: dict[str, Any]) -> None:
    ir = compile(request(yaml.safe_dump(pipeline)), "inherit")
    naive = naive_inheritance(pipeline)
    assert {module.address: (module.use_hpip, module.hpi_config) for module in ir.modules} == {
        module.address: naive[module.address] for module in ir.modules
    }


@given(ocr())
def test_the_order_of_keys_and_the_style_of_the_yaml_do_not_change_a_byte(pipeline: dict[str, Any]) -> None:
    rng = random.Random(0)
    plain = compile(request(yaml.safe_dump(pipeline, sort_keys=False))).text
    shuffled = yaml.safe_dump(_shuffled(pipeline, rng), sort_keys=False)
    flow = "# a comment\n\n" + yaml.safe_dump(pipeline, default_flow_style=True, width=40)
    assert compile(request(shuffled)).text == plain
    assert compile(request(flow)).text == plain
    assert compile(request(json.dumps(pipeline))).text == plain


@given(ocr())
@settings(max_examples=60)
def test_compiling_for_the_recorded_target_and_models_gives_the_plan_again(pipeline: dict[str, Any]) -> None:
    for target in (CPU, GPU):
        given_layers = overrides.collect({"use_hpip": "true"}, ["SubModules.TextRecognition.batch_size=6"])
        text = yaml.safe_dump(pipeline)
        first = compile(request(text, given_layers, target))
        if first.text is None:
            continue
        plan = read(first.text.encode(), "the plan")
        assert plan == first.plan
        layers = tuple(overrides.from_token(token) for token in plan.source.overrides)
        again = request(text, layers, plan.target, RecordedReader(plan.modules))
        assert compile(again).text == first.text


@given(ocr())
def test_every_origin_of_a_plan_is_an_address_of_the_yaml_or_a_rule(pipeline: dict[str, Any]) -> None:
    plan = compile(request(yaml.safe_dump(pipeline))).text
    if plan is None:
        return
    for module in json.loads(plan)["modules"].values():
        for origin in module["origin"].values():
            kind, _, address = origin.partition(":")
            if kind == "file":
                place: Any = pipeline
                for key in address.split("."):
                    place = place[key]


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"}, "/"),
        ({"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "America/New_York"}, str(OCR)),
    ],
)
def test_machine_settings_do_not_change_a_byte(models: Path, env: dict[str, str], folder: str) -> None:
    assert models.is_dir()
    command = [sys.executable, "-m", "hpi_planner", str(OCR / "pipeline.yaml"), "--target", str(OCR / "target.json")]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, check=True)
    assert done.stdout == (OCR / "plan.json").read_bytes()


def test_the_committed_plan_survives_a_permutation_of_the_yaml(models: Path, tmp_path: Path) -> None:
    pipeline = yaml.safe_load((OCR / "pipeline.yaml").read_text())
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(_shuffled(pipeline, random.Random(3)), sort_keys=False))
    command = [sys.executable, "-m", "hpi_planner", str(tmp_path / "pipeline.yaml")]
    command += ["--target", str(OCR / "target.json"), "--root", str(models.parent)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == (OCR / "plan.json").read_bytes()


@pytest.mark.parametrize("name", definitions.names())
def test_every_pipeline_becomes_a_plan_where_its_models_are_there(name: str) -> None:
    for layers in ({}, {"hpi_config": {"auto_paddle2onnx": False}}):
        ir = compile(request(builtin_configs.text(name), overrides.collect(layers), GPU))
        assert ir.plan is not None, [item.message for item in ir.diagnostics]
        plan = json.loads(ir.text or "")
        assert read((ir.text or "").encode(), name) == ir.plan
        inherited = {module.address for module in compile(request(builtin_configs.text(name)), "inherit").modules}
        assert inherited <= {*plan["modules"], *plan["external"]}
        assert all(
            set(module["not_chosen"]) | {module["engine"]["backend"]} == set(load_all())
            for module in plan["modules"].values()
        )


@pytest.mark.parametrize("target", [CPU, GPU], ids=["cpu", "gpu"])
def test_high_performance_inference_is_planned_for_every_model_that_can(target: Target) -> None:
    for name in definitions.names():
        foreign = [
            item.address
            for item in compile(request(builtin_configs.text(name)), "inherit").modules
            if "hpi" not in supported(item.model_name)
        ]
        layers = overrides.collect({"use_hpip": "true"}, [f"{address}.use_hpip=false" for address in foreign])
        ir = compile(request(builtin_configs.text(name), layers, target))
        assert ir.plan is not None, [item.message for item in ir.diagnostics]
