import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hpi_planner.paddlex import builtin_configs, definitions, editor_schema
from hpi_schemas import validate
from hpi_schemas.target import Target, from_json
from jsonschema import Draft202012Validator
from support import txtar

ROOT = Path(__file__).parent.parent.parent
NAMES = ("pipeline", "target", "plan", "results", "run")


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_valid_draft_2020_12_schema(name: str) -> None:
    Draft202012Validator.check_schema(validate.schema(name))


@pytest.mark.parametrize("name", definitions.names())
def test_every_built_in_configuration_satisfies_the_pipeline_schema(name: str) -> None:
    assert validate.faults("pipeline", yaml.safe_load(builtin_configs.text(name))) == []


def test_the_committed_pipeline_schema_is_what_the_data_files_say() -> None:
    assert validate.schema("pipeline") == editor_schema.schema(), "run `make golden`"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{pipeline_name: OCR, text_type: round}", "text_type"),
        ("{pipeline_name: ocr}", "pipeline_name"),
        ("{pipeline_name: OCR, use_textline_orientaton: false}", "use_textline_orientaton"),
        ("{pipeline_name: OCR, hpi_config: {bakend: om}}", "bakend"),
        ("{pipeline_name: OCR, hpi_config: {backend_config: {cpu_num_threads: many}}}", "cpu_num_threads"),
        ("{pipeline_name: OCR, SubModules: {TextDetection: {model_name: x, thresh: high}}}", "thresh"),
        ("{Global: {model: 3}, Predict: {}}", "model"),
    ],
)
def test_editors_are_told_what_is_wrong_in_a_pipeline(text: str, fault: str) -> None:
    assert fault in "\n".join(validate.faults("pipeline", yaml.safe_load(text)))


def _golden_plans() -> list[tuple[str, Any]]:
    plans = []
    for path in sorted((ROOT / "tests/cases").glob("*.txtar")):
        text = txtar.split(path.read_text(encoding="utf-8"))[1].get("after freeze", "")
        if text.strip():
            plans.append((path.stem, json.loads(text)))
    return plans


@pytest.mark.parametrize(("name", "plan"), _golden_plans())
def test_every_golden_plan_satisfies_the_plan_schema(name: str, plan: Any) -> None:
    assert validate.faults("plan", plan) == [], name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("modules", "SubModules.ImageClassification", "model", "dir"), "/abs"),
        (("modules", "SubModules.ImageClassification", "model", "files"), {"../x": "sha256:" + "0" * 64}),
        (("modules", "SubModules.ImageClassification", "not_chosen"), {"om": "BECAUSE"}),
        (("source",), {"overrides": []}),
        (("format",), 1),
    ],
)
def test_plans_that_lead_out_of_their_folder_or_say_nonsense_are_refused(path: tuple[str, ...], value: Any) -> None:
    plan = dict(_golden_plans())["plan-npu-om"]
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert validate.faults("plan", plan)


def test_a_target_survives_the_way_through_json() -> None:
    for path in (ROOT / "planner/hpi_planner/targets").glob("*.json"):
        target = from_json(json.loads(path.read_text()))
        assert from_json(target.to_json()) == target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cores": 0}, "`cores` must be at least 1"),
        ({"cores": "two"}, "`cores` cannot be 'two'"),
        ({"os": None}, "`os` cannot be None"),
        ({"backends": {"openvino": 3}}, "`backends.openvino` must be a version or null, not 3"),
        ({"gpus": [{"name": "A"}]}, "each of `gpus`"),
        ({"format": "2.0"}, "it has the format 2.0"),
    ],
)
def test_a_bad_target_says_what_is_wrong_with_it_and_the_schema_agrees(change: dict[str, Any], message: str) -> None:
    value = {"os": "linux", "arch": "x86_64", "cores": 2, **change}
    with pytest.raises(ValueError, match=message):
        from_json(value)
    assert validate.faults("target", value)


@pytest.mark.parametrize(
    ("target", "device"),
    [
        (Target("linux", "x86_64", 2), "cpu"),
        (Target("linux", "aarch64", 2, npus=1), "npu:0"),
        (Target("linux", "x86_64", 2, device="gpu:1"), "gpu:1"),
    ],
)
def test_a_target_knows_its_default_device(target: Target, device: str) -> None:
    assert target.default_device == device
