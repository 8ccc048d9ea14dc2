"""Candidates, and the choice among them by what was measured."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hpi_planner.compile import compile
from hpi_planner.diagnostics.model import Code
from hpi_planner.models import RecordedReader
from hpi_planner.select.profile import parse
from hpi_planner.syntax.overrides import COLD, Override
from hpi_schemas.documents import DocumentError
from hpi_schemas.target import from_json
from hpi_schemas.validate import faults
from hypothesis import given, settings
from support.pipelines import CPU, GPU, ocr, request
from support.profiles import CALIBRATION, Entry, listed, measured, profile, read

ADDRESS = "SubModules.TextRecognition"
TOOLS = {**CPU.tools, "nncf": "3.4.0", "onnx": "1.17.0"}
AHEAD = Override(COLD, "true")
TARGET = replace(CPU, tools=TOOLS, cpu_features=("avx2", "avx512_bf16", "avx512_fp16"))


def pipeline(hpi_config: str = "{}", extra: str = "", use_hpip: str = "true") -> Any:
    text = f"""
pipeline_name: OCR
text_type: general
use_hpip: {use_hpip}
use_doc_preprocessor: false
use_textline_orientation: false
SubModules:
  TextDetection: {{model_name: PP-OCRv5_mobile_det}}
  TextRecognition: {{model_name: PP-OCRv5_mobile_rec, batch_size: 6, hpi_config: {hpi_config}{extra}}}
"""
    return request(text, target=TARGET)


def of(asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = listed(asked)["modules"][ADDRESS]["candidates"]
    return found


def decide(data: dict[str, Any], asked: Any = None, **how: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the record of the recogniser in the plan, and the codes of what was said."""
    ir = compile(replace(asked or pipeline(), profile=read(data, **how)))
    assert ir.plan is not None, ir.diagnostics
    plan = json.loads(ir.text or "")
    assert faults("plan", plan) == []
    return plan["modules"][ADDRESS], [item.code.value for item in ir.diagnostics]


def alone(data: dict[str, Any]) -> dict[str, Any]:
    """Return a profile of the recogniser alone."""
    return {**data, "modules": {ADDRESS: data["modules"][ADDRESS]}}


def is_ahead(entry: Entry) -> bool:
    return bool(entry["engine"]["config"].get("compile_ahead"))


def precision(entry: Entry) -> str:
    return str(entry["engine"]["config"]["precision"])


# -- candidates ----------------------------------------------------------------------------------


@given(ocr())
@settings(max_examples=30)
def test_candidates_satisfy_their_schema_begin_with_the_plan_and_are_all_different(asked: dict[str, Any]) -> None:
    for target in (CPU, GPU):
        data = listed(request(yaml.safe_dump(asked), target=target))
        assert faults("candidates", data) == []
        for address, module in data["modules"].items():
            planned = data["plan"]["modules"][address]
            first = module["candidates"][0]
            assert {key: first["engine"][key] for key in ("backend", "config", "prepare")} == {
                key: planned["engine"][key] for key in ("backend", "config", "prepare")
            }
            assert (first["batch_size"], first["settings"]) == (planned["batch_size"], {})
            texts = [
                json.dumps([item[key] for key in ("engine", "batch_size", "settings")], sort_keys=True)
                for item in module["candidates"]
            ]
            assert len(set(texts)) == len(texts)
            if not planned["use_hpip"]:
                assert len(texts) == 1


def test_every_feasible_backend_stream_count_batch_and_shape_policy_is_a_candidate() -> None:
    found = of(pipeline())
    assert {item["engine"]["backend"] for item in found} == {"onnxruntime", "openvino", "paddle"}
    openvino = [item for item in found if item["engine"]["backend"] == "openvino"]
    parallel = {
        (item["engine"]["config"]["cpu_num_threads"], item["engine"]["config"]["num_streams"]) for item in openvino
    }
    assert parallel == {(4, 1), (2, 1), (4, 2), (4, 4)}
    assert {item["batch_size"] for item in openvino} == {6, 1}
    assert [item["settings"] for item in openvino[:3]] == [{}, {"width_step": 64}, {"min_width": 64, "width_step": 64}]
    modes = {item["engine"]["config"]["run_mode"] for item in found if item["engine"]["backend"] == "paddle"}
    assert modes == {"mkldnn", "paddle"}


def test_lower_precisions_stand_with_the_candidate_that_they_lower() -> None:
    first = next(item for item in of(pipeline()) if item["engine"]["backend"] == "openvino")
    assert [engine["config"]["precision"] for engine in first["lower"]] == ["bf16", "fp16", "int8"]
    usual = {key: value for key, value in first["engine"]["config"].items() if key != "precision"}
    for engine in first["lower"]:
        assert usual.items() <= engine["config"].items()
    assert [step["step"] for step in first["lower"][-1]["prepare"]] == ["to_onnx", "quantize_openvino"][
        -len(first["lower"][-1]["prepare"]) :
    ]


def test_what_the_user_gives_is_not_varied() -> None:
    given_config = "{backend: openvino, backend_config: {num_streams: 2, precision: bf16}}"
    found = of(pipeline(given_config, extra=", width_step: 32"))
    assert {item["engine"]["backend"] for item in found} == {"openvino"}
    assert {item["engine"]["config"]["num_streams"] for item in found} == {2}
    assert {item["engine"]["config"]["precision"] for item in found} == {"bf16"}
    assert all(item["settings"] == {} and item["lower"] == [] for item in found)


def test_int8_is_no_candidate_where_the_target_has_no_nncf() -> None:
    found = of(replace(pipeline(), target=lambda: CPU))
    assert not any(engine["config"]["precision"] == "int8" for item in found for engine in item["lower"])


@pytest.mark.parametrize(
    ("features", "tried"),
    [
        (("avx2",), {"int8"}),
        (("avx2", "avx512_bf16"), {"bf16", "int8"}),
        (("amx_bf16", "avx512_fp16"), {"bf16", "fp16", "int8"}),
        # A target need not tell them.
        ((), {"bf16", "fp16", "int8"}),
    ],
)
def test_a_precision_is_tried_where_the_processor_has_instructions_for_it(
    features: tuple[str, ...], tried: set[str]
) -> None:
    found = of(replace(pipeline(), target=lambda: replace(TARGET, cpu_features=features)))
    lower = [engine for item in found for engine in item["lower"] if engine["backend"] == "openvino"]
    assert {engine["config"]["precision"] for engine in lower} == tried


def test_candidates_for_programs_that_start_often_are_compiled_ahead_and_also_tried_without() -> None:
    data = listed(replace(pipeline(), overrides=(AHEAD,)))
    assert data["optimize"] == "cold"
    found = data["modules"][ADDRESS]["candidates"]
    for backend in ("onnxruntime", "openvino"):
        own = [item for item in found if item["engine"]["backend"] == backend]
        ahead = {item["engine"]["config"]["num_streams"] for item in own if is_ahead(item)}
        assert ahead == {1, 2, 4}
        assert {item["engine"]["config"]["num_streams"] for item in own if not is_ahead(item)} == {1}
        assert all(is_ahead({"engine": engine}) is is_ahead(item) for item in own for engine in item["lower"])
    assert is_ahead(found[0])
    assert "optimize" not in listed(pipeline())
    given_config = "{backend_config: {compile_ahead: false}, backend: openvino}"
    refused = listed(replace(pipeline(given_config), overrides=(AHEAD,)))["modules"][ADDRESS]["candidates"]
    assert not any(is_ahead(item) for item in refused)


def test_int8_without_samples_is_refused_with_the_way_to_get_them() -> None:
    asked = pipeline("{backend: openvino, backend_config: {precision: int8}}")
    found = [item for item in compile(asked).diagnostics if item.code is Code.BACKEND_CONFIG_INVALID]
    assert len(found) == 1
    assert "needs `calibration`" in found[0].message
    assert "hpi-bench --candidates" in str(found[0].help)


def test_int8_by_hand_is_quantised_with_the_samples_that_are_named() -> None:
    asked = pipeline(f"{{backend: openvino, backend_config: {{precision: int8, calibration: '{CALIBRATION}'}}}}")
    ir = compile(asked)
    assert ir.plan is not None, ir.diagnostics
    engine = json.loads(ir.text or "")["modules"][ADDRESS]["engine"]
    assert engine["prepare"][-1] == {
        "options": {"calibration": CALIBRATION},
        "produces": "inference.xml",
        "step": "quantize_openvino",
        "tool": "nncf",
    }


# -- decisions -----------------------------------------------------------------------------------


def test_the_fastest_candidate_that_is_accurate_is_chosen_and_cited() -> None:
    def measure(entry: Entry) -> Any:
        if entry["engine"]["backend"] == "onnxruntime" and entry["batch_size"] == 1 and precision(entry) == "fp32":
            return measured(0.5 if entry["engine"]["config"]["num_streams"] == 2 and entry["settings"] else 0.8)
        return measured(1.0)

    record, said = decide(profile(pipeline(), measure))
    assert record["engine"]["backend"] == "onnxruntime"
    assert record["engine"]["config"]["num_streams"] == 2
    assert record["batch_size"] == 1
    assert record["settings"]["width_step"] == 64
    assert record["profile"]["ratio"] == {"latency": 0.5, "throughput": 0.5}
    origins = record["origin"]
    for key in ("engine.backend", "engine.config.num_streams", "batch_size", "settings.width_step"):
        assert origins[key] == "profile:latency", key
    assert origins["engine.config.cpu_num_threads"] == "rule:threads"
    assert record["not_chosen"]["openvino"] == "MEASURED_SLOWER"
    assert record["not_chosen"]["paddle"] == "MEASURED_SLOWER"
    assert record["not_chosen"]["tensorrt"] == "DEVICE_MISMATCH"
    assert said == []


def test_throughput_may_choose_another_than_latency() -> None:
    def measure(entry: Entry) -> Any:
        if precision(entry) != "fp32":
            return None
        return measured(0.6, throughput=0.9) if entry["batch_size"] == 1 else measured(1.0, throughput=0.7)

    data = profile(pipeline(), measure)
    assert decide(data)[0]["batch_size"] == 1
    record = decide(data, optimize="throughput")[0]
    assert record["batch_size"] == 6
    assert "batch_size" not in {key for key, value in record["origin"].items() if value.startswith("profile")}


def first_results(request: Any) -> dict[str, Any]:
    """Return a profile in which one of few padded lines gives a first result soonest, without being compiled ahead."""

    def measure(entry: Entry) -> Any:
        is_soon = entry["engine"]["backend"] == "onnxruntime" and entry["batch_size"] == 1 and not is_ahead(entry)
        found = measured(1.0 if entry["settings"] else 0.4)
        found["ratio"]["cold"] = 0.6 if is_soon and entry["settings"] else 1.0
        found["milliseconds"]["cold"] = 900 * found["ratio"]["cold"]
        return found if precision(entry) == "fp32" else None

    return {**profile(request, measure), "optimize": "cold"}


def test_what_gives_a_first_result_soonest_is_chosen_for_programs_that_start_often() -> None:
    asked = replace(pipeline(), overrides=(AHEAD,))
    data = first_results(asked)
    assert faults("profile", data) == []
    record, said = decide(data, asked, optimize="cold")
    assert record["engine"]["backend"] == "onnxruntime"
    assert record["engine"]["config"]["compile_ahead"] is False
    assert record["engine"]["prepare"] == [step for step in record["engine"]["prepare"] if step["step"] == "to_onnx"]
    assert record["settings"]["width_step"] == 64
    assert record["profile"]["ratio"]["cold"] == 0.6
    assert record["origin"]["engine.backend"] == "profile:cold"
    assert said == []


@pytest.mark.parametrize("aim", ["latency", "cold"])
def test_a_profile_that_was_measured_for_something_else_does_not_count(aim: str) -> None:
    asked = replace(pipeline(), overrides=(AHEAD,)) if aim == "cold" else pipeline()
    data = profile(pipeline(), lambda entry: measured(0.5)) if aim == "cold" else first_results(pipeline())
    ir = compile(replace(asked, profile=read(data, optimize=aim)))
    assert ir.plan is not None
    assert "profile" not in json.loads(ir.text or "")["modules"][ADDRESS]
    (told,) = [item for item in ir.diagnostics if ADDRESS in item.message]
    assert told.code is Code.PROFILE_UNUSED
    assert "first results" in told.message
    mend = "`hpi-plan --candidates --optimize cold`" if aim == "cold" else "add `--optimize cold`, or "
    assert mend in str(told.help)


def test_what_is_untried_is_tried_for_what_the_plan_is_for() -> None:
    for overrides, command in (((), "`hpi-plan --candidates`"), ((AHEAD,), "`hpi-plan --optimize cold --candidates`")):
        found = compile(replace(pipeline(), overrides=overrides)).diagnostics
        (told,) = [item for item in found if item.code is Code.PRECISION_UNTRIED]
        assert str(told.help).startswith(command)


def test_a_profile_without_modules_is_cited_by_nobody() -> None:
    data = {**profile(pipeline(), lambda entry: measured(0.5)), "modules": {}}
    data["combinations"] = [{"entries": {}, **measured(1.0)}]
    ir = compile(replace(pipeline(), profile=read(data)))
    assert ir.plan is not None
    assert "profile" not in json.loads(ir.text or "")


def test_two_per_cent_are_not_worth_another_plan() -> None:
    def measure(entry: Entry, ratio: float) -> Any:
        is_own = entry["engine"]["backend"] == own and not entry["settings"] and entry["batch_size"] == 6
        return measured(1.0 if is_own else ratio)

    own = of(pipeline())[0]["engine"]["backend"]
    assert decide(profile(pipeline(), lambda entry: measure(entry, 0.985)))[0]["settings"].get("width_step") is None
    changed = decide(profile(pipeline(), lambda entry: measure(entry, 0.97)))[0]
    assert (changed["settings"].get("width_step"), changed["batch_size"]) != (None, 6) or changed["engine"][
        "backend"
    ] != own


@pytest.mark.parametrize(
    ("allowed", "drop", "agreement", "chosen"),
    [
        (None, 0.0, 1.0, "fp32"),
        (0.2, 0.1, 0.9, "bf16"),
        (0.2, 0.3, 1.0, "fp32"),
        (0.0, 0.0, 0.9, "bf16"),
    ],
)
def test_a_lower_precision_is_chosen_only_where_the_drop_is_allowed_and_holds(
    allowed: float | None, drop: float, agreement: float, chosen: str
) -> None:
    def measure(entry: Entry) -> Any:
        if precision(entry) == "bf16" and entry["engine"]["backend"] == "openvino":
            return measured(0.5, agreement, accuracy={"character_error_rate": 0.1 + drop / 100})
        return measured(1.0, accuracy={"character_error_rate": 0.1}) if precision(entry) == "fp32" else None

    data = profile(pipeline(), measure, accuracy={"character_error_rate": 0.1})
    assert precision(decide(alone(data), max_accuracy_drop=allowed)[0]) == chosen


@pytest.mark.parametrize(("allowed", "chosen"), [(None, "fp32"), (2.0, "fp32"), (4.0, "int8")])
def test_without_a_truth_the_results_that_differ_are_the_drop(allowed: float | None, chosen: str) -> None:
    def measure(entry: Entry) -> Any:
        return measured(0.5, agreement=0.97) if precision(entry) == "int8" else measured(1.0)

    record, _ = decide(alone(profile(pipeline(), measure)), max_accuracy_drop=allowed)
    assert precision(record) == chosen
    if chosen == "int8":
        assert record["engine"]["prepare"][-1]["options"] == {"calibration": CALIBRATION}


@pytest.mark.parametrize(
    ("agreement", "error_rate", "chosen"),
    [(0.98, None, False), (0.995, None, True), (0.96, 0.1003, True), (0.96, 0.102, False), (0.9, 0.1, False)],
)
def test_fp32_with_another_padding_counts_only_where_results_or_accuracy_are_the_same(
    agreement: float, error_rate: float | None, chosen: bool
) -> None:
    def measure(entry: Entry) -> Any:
        if not entry["settings"]:
            return measured(1.0)
        accuracy = {} if error_rate is None else {"character_error_rate": error_rate}
        return measured(0.5, agreement, accuracy=accuracy)

    data = profile(pipeline(), measure, accuracy={} if error_rate is None else {"character_error_rate": 0.1})
    assert (decide(data)[0]["settings"].get("width_step") == 64) is chosen
    assert decide(alone(data), max_accuracy_drop=10.0)[0]["settings"]["width_step"] == 64


def test_a_candidate_whose_answers_were_not_looked_at_is_never_chosen() -> None:
    own = of(pipeline())[0]["engine"]["backend"]

    def measure(entry: Entry) -> Any:
        found = measured(1.0 if entry["engine"]["backend"] == own else 0.5)
        if entry["engine"]["backend"] != own:
            del found["agreement"]
        return found

    record, _ = decide(profile(pipeline(), measure))
    assert record["engine"]["backend"] == own


def test_what_failed_and_what_was_not_measured_is_told_apart() -> None:
    def measure(entry: Entry) -> Any:
        kinds = {"onnxruntime": measured(1.0), "openvino": {"fault": "no memory"}}
        return kinds.get(entry["engine"]["backend"])

    record, _ = decide(profile(pipeline(), measure))
    assert record["engine"]["backend"] == "onnxruntime"
    assert record["not_chosen"]["openvino"] == "MEASURED_FAULTY"
    assert record["not_chosen"]["paddle"] == "NOT_MEASURED"


def test_a_backend_that_the_user_names_stays_and_its_options_are_measured() -> None:
    asked = pipeline("{backend: onnxruntime}")
    record, _ = decide(profile(asked, lambda entry: measured(0.5 if entry["batch_size"] == 1 else 1.0)), asked)
    assert record["engine"]["backend"] == "onnxruntime"
    assert record["origin"]["engine.backend"] == f"file:{ADDRESS}.hpi_config.backend"
    assert record["batch_size"] == 1


def test_regular_inference_is_left_alone_without_a_word() -> None:
    asked = replace(pipeline(use_hpip="false"), data=pipeline(use_hpip="false").data.replace(b", hpi_config: {}", b""))
    record, said = decide(profile(asked, lambda entry: measured(0.5)), asked)
    assert record["origin"]["engine.backend"] == "rule:regular"
    assert "profile" not in record
    assert Code.PROFILE_UNUSED.value not in said


@pytest.mark.parametrize("what", ["cores", "files", "cpu_features", "module", "candidates"])
def test_a_profile_of_something_else_does_not_count_and_says_so(what: str) -> None:
    known: dict[str, dict[str, Any]] = {
        "cores": {"cores": 8},
        "cpu_features": {"cpu_features": ["avx2", "avx512f"]},
    }
    changes = known.get(what, {})
    data = profile(pipeline(), lambda entry: measured(0.5 if entry["batch_size"] == 1 else 1.0), **changes)
    if what == "files":
        data["modules"][ADDRESS]["files"] = dict.fromkeys(data["modules"][ADDRESS]["files"], CALIBRATION)
    elif what == "module":
        del data["modules"][ADDRESS]
    elif what == "candidates":
        for entry in data["modules"][ADDRESS]["entries"]:
            entry["engine"]["config"]["an_option_of_tomorrow"] = 1
    record, said = decide(data)
    assert "profile" not in record
    assert record["batch_size"] == 6
    assert Code.PROFILE_UNUSED.value in said


def test_figures_of_another_version_of_a_backend_do_not_count() -> None:
    backends = {**TARGET.backends, "openvino": "2025.0.0"}
    data = profile(
        pipeline(), lambda e: measured(0.5 if e["engine"]["backend"] == "openvino" else 1.0), backends=backends
    )
    record, _ = decide(data)
    assert record["engine"]["backend"] != "openvino"


# -- all modules together ------------------------------------------------------------------------


def places(data: dict[str, Any], is_meant: Callable[[Entry], bool]) -> dict[str, int]:
    """Return the first entry of each module that is meant, or its own."""
    return {
        address: next((place for place, entry in enumerate(module["entries"]) if is_meant(entry)), 0)
        for address, module in data["modules"].items()
    }


def together(ratio: float, agreement: float = 1.0, **lower: str) -> dict[str, Any]:
    """Return a profile of two modules, each twice as fast in bf16, and a combination of both in that.

    Args:
        ratio, agreement: of the combination.
        lower: more combinations, with one module alone in bf16: its key, and the ratio as text.
    """

    def is_low(entry: Entry) -> bool:
        return precision(entry) == "bf16"

    data = profile(pipeline(), lambda entry: measured(0.5 if is_low(entry) else 1.0, 0.999))
    both, own = places(data, is_low), places(data, lambda entry: False)
    data["combinations"] = [
        {"entries": own, **measured(1.0)},
        {"entries": both, **measured(ratio, agreement)},
        *(
            {"entries": {**own, f"SubModules.{key}": both[f"SubModules.{key}"]}, **measured(float(value))}
            for key, value in lower.items()
        ),
    ]
    data["inputs"]["held_back"] = 2
    assert faults("profile", data) == []
    return data


def planned(data: dict[str, Any], **how: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the plan made with a profile, and the codes of what was said."""
    ir = compile(replace(pipeline(), profile=read(data, **how)))
    assert ir.plan is not None, ir.diagnostics
    plan = json.loads(ir.text or "")
    assert faults("plan", plan) == []
    return plan, [item.code.value for item in ir.diagnostics]


def precisions(plan: dict[str, Any]) -> dict[str, str]:
    return {address.rpartition(".")[2]: precision(module) for address, module in plan["modules"].items()}


def test_the_allowed_drop_counts_for_the_pipeline_and_the_plan_cites_what_was_measured_of_it() -> None:
    plan, said = planned(together(0.6, 0.995), max_accuracy_drop=1.0)
    assert precisions(plan) == {"TextDetection": "bf16", "TextRecognition": "bf16"}
    assert plan["profile"]["ratio"] == {"latency": 0.6, "throughput": 0.6}
    assert (plan["profile"]["pictures"], plan["profile"]["held_back"]) == (2, True)
    assert plan["modules"][ADDRESS]["profile"]["pictures"] == 3
    assert "held_back" not in plan["modules"][ADDRESS]["profile"]
    assert said == []


def test_modules_that_lose_too_much_together_are_not_chosen_though_each_loses_little() -> None:
    plan, _ = planned(together(0.6, 0.98, TextDetection="0.7"), max_accuracy_drop=1.0)
    assert precisions(plan) == {"TextDetection": "bf16", "TextRecognition": "fp32"}
    plan, _ = planned(together(0.6, 0.98), max_accuracy_drop=1.0)
    assert precisions(plan) == {"TextDetection": "fp32", "TextRecognition": "fp32"}


@pytest.mark.parametrize(("agreement", "chosen"), [(0.982, True), (0.978, False)])
def test_without_a_drop_each_module_of_a_pipeline_may_move_as_many_results_as_alone(
    agreement: float, chosen: bool
) -> None:
    def is_padded(entry: Entry) -> bool:
        return precision(entry) == "fp32" and entry["batch_size"] == 1 and bool(entry["settings"])

    data = profile(pipeline(), lambda entry: measured(0.5 if is_padded(entry) else 1.0))
    both = places(data, is_padded)
    assert all(both.values())
    own = places(data, lambda entry: False)
    data["combinations"] = [{"entries": own, **measured(1.0)}, {"entries": both, **measured(0.6, agreement)}]
    plan, _ = planned(data)
    assert (plan["profile"]["ratio"]["latency"] == 0.6) is chosen if "profile" in plan else not chosen


def test_modules_that_are_slower_together_than_by_themselves_are_not_chosen() -> None:
    plan, _ = planned(together(1.1, TextRecognition="0.8"), max_accuracy_drop=1.0)
    assert precisions(plan) == {"TextDetection": "fp32", "TextRecognition": "bf16"}


@pytest.mark.parametrize("entries", [{ADDRESS: 1000}, {"SubModules.Nobody": 0}])
def test_a_profile_whose_combinations_name_entries_that_are_not_there_is_refused(entries: dict[str, int]) -> None:
    data = together(0.6)
    data["combinations"][1]["entries"] = entries
    with pytest.raises(DocumentError, match="which is not there"):
        read(data)


def test_a_combination_of_an_engine_that_is_no_candidate_any_more_does_not_count() -> None:
    data = together(0.6)
    backends = {**TARGET.backends, "openvino": "2025.0.0"}
    data["target"] = {**data["target"], "backends": backends}
    plan, _ = planned(data, max_accuracy_drop=1.0)
    assert "profile" not in plan


def test_without_a_measured_pipeline_several_modules_may_lose_nothing_and_that_is_said() -> None:
    data = {**together(0.6), "combinations": []}
    plan, said = planned(data, max_accuracy_drop=1.0)
    assert set(precisions(plan).values()) == {"fp32"}
    assert said == [Code.PROFILE_UNUSED.value]
    assert planned(data)[1] == []


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_a_profile_does_not_change_the_decision_and_the_record_gives_it_again(seed: int) -> None:
    rng = random.Random(seed)
    data = profile(pipeline(), lambda entry: measured(round(rng.uniform(0.5, 2), 3), rng.choice([0.9, 0.995, 1.0])))
    ir = compile(replace(pipeline(), profile=read(data)))
    assert ir.plan is not None
    plan = json.loads(ir.text or "")
    for module in data["modules"].values():
        rng.shuffle(module["entries"])
    again = compile(replace(pipeline(), profile=read(data)))
    assert json.loads(again.text or "")["modules"] == plan["modules"]
    recorded = replace(
        pipeline(),
        target=lambda: from_json(plan["target"]),
        reader=RecordedReader(ir.plan.modules),
        profile=read(data),
    )
    assert json.loads(compile(recorded).text or "")["modules"] == json.loads(again.text or "")["modules"]


def test_a_made_up_profile_satisfies_the_schema_and_other_files_are_refused_with_the_reason() -> None:
    data = profile(pipeline(), lambda entry: measured(1.0))
    assert faults("profile", data) == []
    for text, reason in ((b"{", "line 1"), (b"[]", "not of type"), (b'{"format": "3.0"}', "a newer hpi-plan")):
        with pytest.raises(DocumentError, match=reason):
            parse(text, "p.json", "p.json")
