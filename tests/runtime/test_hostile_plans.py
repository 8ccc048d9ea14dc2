"""Plans and what they name, written by somebody who means harm; and that whatever hpi-plan writes can be loaded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hpi_planner.compile import compile
from hpi_planner.diagnostics.model import has_errors
from hpi_planner.ir import ModelFacts
from hpi_planner.syntax.overrides import collect
from hpi_runtime import engines
from hpi_runtime.errors import PlanError
from hpi_runtime.run.plan import parse
from hpi_schemas import validate
from hpi_schemas.backends import load_all
from hpi_schemas.model_store import is_file_below, is_folder, is_name
from hpi_schemas.target import Gpu, Target
from hypothesis import given, settings
from hypothesis import strategies as st
from support.classifying import ADDRESS, change, lay_out, records, run
from support.pipelines import DIGEST, request

ENGINE = ("modules", ADDRESS, "engine", "config")


@pytest.fixture
def folder(classifying: Path) -> Path:
    return classifying


def refused(folder: Path, *words: str, code: int = 2) -> None:
    """The plan is refused by everything that reads plans, in a few words and without a traceback."""
    for command in (["hpi-run", "plan.json", "--input", "pictures"], ["hpi-cache", "list", "plan.json"]):
        done = run(folder, *command)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        for word in words:
            assert word in done.stderr
        assert len(done.stderr) < 20_000


NAMES = [
    *(
        "../outside",
        "x\n/../../../outside",
        "/etc/passwd",
        "a/../../b",
        "",
        ".",
        "..",
        "a//b",
        "a/",
        "/",
        "a\0b",
        "a\\b",
    ),
    *("x\n", "\x1b[31m", "\u202eb", "a" * 300),
]


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_that_leads_out_of_the_model_folder_is_no_plan(folder: Path, name: str) -> None:
    change(folder / "plan.json", {name: DIGEST}, "modules", ADDRESS, "model", "files")
    refused(folder, "plan.json is not a valid plan")


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_produces_a_file_elsewhere_is_no_plan(folder: Path, name: str) -> None:
    step = {"options": {}, "produces": name, "step": "to_fp16", "tool": "onnxconverter-common"}
    change(folder / "plan.json", [step], "modules", ADDRESS, "engine", "prepare")
    refused(folder, "plan.json is not a valid plan")


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
@pytest.mark.parametrize("name", ["/etc", "store:../x", "store:", "a\nb", "m\0", "\x1b", "C:\\models"])
def test_a_model_folder_that_is_none_is_no_plan(folder: Path, name: str) -> None:
    change(folder / "plan.json", name, "modules", ADDRESS, "model", "dir")
    refused(folder, "plan.json is not a valid plan")


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
@pytest.mark.parametrize("name", ["m" * 5000, "a/" * 3000])
def test_a_name_that_no_folder_can_have_is_said_to_be_missing(folder: Path, name: str) -> None:
    change(folder / "plan.json", f"x{name}", "modules", ADDRESS, "model", "dir")
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 5000


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
@pytest.mark.parametrize("address", ["../x", "a/b", "x\n", "\x1b[2J", ""])
def test_an_address_is_a_name_and_no_path(folder: Path, address: str) -> None:
    """hpi-bench makes folders of that name."""
    plan = json.loads((folder / "plan.json").read_text())
    plan["modules"][address] = plan["modules"][ADDRESS]
    (folder / "plan.json").write_text(json.dumps(plan))
    refused(folder, "is no address of a module")


@pytest.mark.fault("names in plans that lead elsewhere or cannot be shown")
def test_the_digest_of_a_file_elsewhere_is_not_told(folder: Path) -> None:
    (folder / "secret").write_text("hunter2")
    (folder / "model/link").symlink_to("../secret")
    change(folder / "plan.json", {"link": DIGEST, "inference.yml": DIGEST}, "modules", ADDRESS, "model", "files")
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 3
    import hashlib

    assert hashlib.sha256(b"hunter2").hexdigest()[:12] not in done.stderr
    # Of what lies in the folder itself, people want to know it.
    assert hashlib.sha256((folder / "model/inference.yml").read_bytes()).hexdigest() in done.stderr


@given(st.text(max_size=8) | st.lists(st.sampled_from(["a", "..", ".", "", "\n", "b.c"]), max_size=4).map("/".join))
def test_a_path_that_passes_leads_below_its_folder(text: str) -> None:
    if is_file_below(text):
        place = Path("/root/of/models") / text
        assert place.resolve().is_relative_to("/root/of/models")
        assert str(place) != "/root/of/models"
        assert "\n" not in text and "\0" not in text
    if is_folder(text):
        assert not Path(text).is_absolute()
    assert not is_name(text) or "/" not in text


@pytest.mark.fault("options that load code, take pointers or name paths")
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("trt_extra_plugin_lib_paths", "/tmp/evil.so"),
        ("user_compute_stream", "140000"),
        ("gpu_external_alloc", "140000"),
        ("trt_engine_cache_path", "/tmp/x"),
        ("trt_engine_decryption_lib_path", "/tmp/evil.so"),
        ("trt_ep_context_file_path", "/tmp/x"),
        ("trt_onnx_model_folder_path", "/etc"),
        ("trt_timing_cache_path", "/tmp/x"),
        ("trt_fp16_enable", "1"),
        ("device_id", "1"),
        ("anything", "else"),
    ],
)
def test_an_option_of_a_provider_that_is_not_on_the_list_is_refused_in_plans_and_yamls(
    folder: Path, option: str, value: str
) -> None:
    change(folder / "plan.json", {option: value}, *ENGINE, "provider_options")
    refused(folder, f"`provider_options` passes `{option}` on to nobody")
    config = json.dumps({"backend": "onnxruntime", "backend_config": {"provider_options": {option: value}}})
    done = run(folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--hpi_config", config)
    assert done.returncode == 2
    assert f"`{option}` on to nobody" in done.stderr


@pytest.mark.fault("options that load code, take pointers or name paths")
@pytest.mark.parametrize("path", ["/tmp/x", "../x", "a/b", "x\n", "..", ".hidden/../../x"])
def test_a_name_for_paddles_shapes_is_no_path(path: str) -> None:
    from hpi_schemas.backends.options import faults

    assert faults(load_all()["paddle"], {"trt_shape_range_info_path": path}, "gpu")
    assert not faults(load_all()["paddle"], {"trt_shape_range_info_path": "shapes.pbtxt"}, "gpu")


@pytest.mark.fault("documents that are huge, deep or odd")
@pytest.mark.parametrize(
    "text",
    [
        '{"format": "2.0", "modules": ' + "1" * 5000 + "}",
        '{"format": "\\ud800"}',
        '{"format": 1e999}',
        "[" * 100_000,
        '{"a": ' * 50_000,
        "\ufeff{}",
        "",
        "null",
        '{"format": "2.0", "format": "2.0"}',
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    ],
    ids=range(10),
)
def test_a_document_that_is_no_plan_is_refused_in_a_few_words(folder: Path, text: str) -> None:
    (folder / "plan.json").write_text(text)
    refused(folder, "plan.json")
    for command in (["hpi-review", "show", "plan.json"], ["hpi-plan", "--check", "plan.json"],
                    ["hpi-plan", "pipeline.yaml", "--target", "plan.json"],
                    ["hpi-review", "verify", "plan.json", "plan.json"],
                    ["hpi-review", "lint", "plan.json", "--policy", "plan.json"],
                    ["hpi-plan", "pipeline.yaml", "--profile", "plan.json"],
                    ["hpi-bench", "--candidates", "plan.json", "--profile", "p", "--input", "pictures"]):  # fmt: skip
        done = run(folder, *command)
        assert done.returncode == 2, command
        assert "Traceback" not in done.stderr
        assert len(done.stderr) < 5000


@pytest.mark.fault("documents that are huge, deep or odd")
def test_many_faults_are_told_quickly_and_counted(folder: Path) -> None:
    files = {f"f{number}": "sha256:bad" for number in range(150_000)}
    change(folder / "plan.json", files, "modules", ADDRESS, "model", "files")
    began = time.monotonic()
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures")
    assert time.monotonic() - began < 20
    assert done.returncode == 2
    assert "and 980 or more other faults" in done.stderr
    assert len(done.stderr) < 10_000


@pytest.mark.parametrize("value", [{"a": 1}, [], "2", 0, True, 1.5])
def test_a_setting_that_its_task_does_not_have_so_is_a_fault_of_the_plan(folder: Path, value: Any) -> None:
    change(folder / "plan.json", value, "modules", ADDRESS, "settings", "topk")
    refused(folder, f"modules.{ADDRESS}.settings.topk: `topk` must be")


def nested(depth: int) -> dict[str, Any]:
    """A stage that runs a graph for each element, which has a stage that does."""
    stage: dict[str, Any] = {"inputs": {}, "op": "x"}
    for _ in range(depth):
        stage = {"inputs": {}, "each": {"order": ["s"], "outputs": {}, "stages": {"s": stage}}}
    return stage


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        ([], "graph: [] is not of type null or object"),
        ({"drawing": 3}, "graph.drawing: 3 is not of type string"),
        ({"stages": {"s": "x"}}, 'graph.stages.s: "x" is not of type object'),
        ({"stages": {"s": {"inputs": {}}}}, "graph.stages.s: must have exactly one of `each`, `module`, `op`"),
        (
            {"stages": {"s": {"inputs": {}, "op": "x", "module": "y"}}},
            "graph.stages.s: must have exactly one of `each`, `module`, `op`",
        ),
        ({"stages": {"s": {"inputs": {}, "each": None}}}, "graph.stages.s.each: null is not of type object"),
        (
            {"stages": {"s": {"inputs": {}, "module": "y", "many": "yes"}}},
            'graph.stages.s.many: "yes" is not of type boolean',
        ),
    ],
)
def test_a_mistake_in_a_graph_is_told_where_it_is(folder: Path, graph: Any, told: str) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["graph"] = {**plan["graph"], **graph} if isinstance(graph, dict) else graph
    assert validate.faults("plan", plan) == [told]


@pytest.mark.fault("documents that are huge, deep or odd")
@pytest.mark.parametrize(
    ("value", "keys", "said"),
    [
        ([{"step": "x"}] * 250_000, ("modules", ADDRESS, "engine", "prepare"), "more than 200,000 values"),
        (["x"] * 150_000, ("graph", "order"), "does not name every stage once"),
        (["x"] * 250_000, ("graph", "order"), "more than 200,000 values"),
        ({"result": "nowhere.x"}, ("graph", "outputs"), "needs `nowhere.x`, which no stage before it gives"),
        ({"deep": nested(100)}, ("graph", "stages"), "nested too deeply"),
    ],
)
def test_a_plan_that_is_too_large_or_refers_to_nothing_is_refused_by_runner_and_review(
    folder: Path, value: Any, keys: tuple[str, ...], said: str
) -> None:
    change(folder / "plan.json", value, *keys)
    commands = (("hpi-run", "plan.json", "--input", "pictures"), ("hpi-review", "show", "plan.json"))
    for command in commands:
        done = run(folder, *command)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr) < 500


@pytest.mark.fault("documents that are huge, deep or odd")
def test_features_that_nobody_knows_are_named_and_counted(folder: Path) -> None:
    change(folder / "plan.json", [f"x{number}" for number in range(1000)], "must_understand")
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert "and 980 more" in done.stderr
    assert len(done.stderr) < 500


def test_a_plan_with_the_line_ends_of_windows_runs_and_only_they_are_told(folder: Path) -> None:
    text = (folder / "plan.json").read_bytes()
    (folder / "plan.json").write_bytes(text.replace(b"\n", b"\r\n"))
    assert run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png").returncode == 0
    done = run(folder, "hpi-plan", "--check", "plan.json")
    assert done.returncode == 1
    assert "its line ends are those of Windows" in done.stderr


# -- outputs of models ---------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_model_that_answers_in_doubles_gives_the_same_answers(tmp_path: Path, backend: str) -> None:
    import onnx

    lay_out(tmp_path, backend)
    single = records(run(tmp_path, "hpi-run", "plan.json", "--input", "pictures"))
    path = tmp_path / "model/inference.onnx"
    model = onnx.load(str(path))
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["single" if name == output.name else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Cast", ["single"], [output.name], to=onnx.TensorProto.DOUBLE))
    output.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    onnx.save(model, str(path))
    done = run(
        tmp_path,
        "hpi-plan",
        "pipeline.yaml",
        "--hpi_config",
        f"{{auto_config: false, backend: {backend}}}",
        "--device",
        "cpu",
        "--output",
        "plan.json",
    )
    assert done.returncode == 0, done.stderr
    double = records(run(tmp_path, "hpi-run", "plan.json", "--input", "pictures"))
    assert [item["label_names"] for item in double] == [item["label_names"] for item in single]
    for one, other in zip(single, double, strict=True):
        assert other["scores"] == pytest.approx(one["scores"], abs=1e-5)


@pytest.mark.fault("outputs of models that are no scores")
@pytest.mark.parametrize("kind", ["nan", "infinite", "logits"])
def test_scores_that_are_none_are_errors_of_their_inputs_that_name_module_and_output(tmp_path: Path, kind: str) -> None:
    import numpy as np
    import onnx

    lay_out(tmp_path)
    path = tmp_path / "model/inference.onnx"
    model = onnx.load(str(path))
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["inner" if name == output else name for name in node.output]
    if kind == "logits":
        many = onnx.helper.make_tensor("many", 1, [1], [40.0])
        model.graph.node.append(onnx.helper.make_node("Mul", ["inner", "many"], [output]))
    else:
        # A dark picture alone goes wrong.
        many = onnx.numpy_helper.from_array(np.array(0, np.float32), "many")
        entry = model.graph.input[0].name
        model.graph.node.extend([
            onnx.helper.make_node("ReduceMax", [entry], ["brightest"], axes=[1, 2, 3], keepdims=1),
            onnx.helper.make_node("Flatten", ["brightest"], ["bright"], axis=1),
            onnx.helper.make_node("Less", ["bright", "many"], ["is_dark"]),
            onnx.helper.make_node("Cast", ["is_dark"], ["dark"], to=1),
            onnx.helper.make_node("Neg" if kind == "nan" else "Identity", ["dark"], ["sign"]),
            onnx.helper.make_node("Sub", ["sign", "half"], ["shifted"]) if kind == "nan" else
            onnx.helper.make_node("Sub", ["one", "dark"], ["shifted"]),
            onnx.helper.make_node("Add", ["shifted", "one"], ["base"]) if kind == "nan" else
            onnx.helper.make_node("Identity", ["shifted"], ["base"]),
            onnx.helper.make_node("Sqrt" if kind == "nan" else "Reciprocal", ["base"], ["odd"]),
            onnx.helper.make_node("Mul", ["inner", "odd"], [output]),
        ])  # fmt: skip
        model.graph.initializer.extend(
            [
                onnx.numpy_helper.from_array(np.array(value, np.float32), name)
                for name, value in (("one", 1), ("half", 0.1))
            ]
        )
    model.graph.initializer.append(many)
    onnx.save(model, str(path))
    import cv2

    cv2.imwrite(str(tmp_path / "pictures/dark.png"), np.zeros((90, 120, 3), np.uint8))
    chosen = "{auto_config: false, backend: onnxruntime}"
    done = run(tmp_path, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--hpi_config", chosen, "-o",
               "SubModules.ImageClassification.batch_size=4", "--output", "plan.json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 1
    bad = [Path(record["input_path"]).name for record in records(done) if "error" in record]
    assert bad == (["a.png", "b.png", "dark.png"] if kind == "logits" else ["dark.png"])
    error = next(record["error"] for record in records(done) if "error" in record)
    assert error["code"] == "OUTPUT_INVALID"
    assert error["message"].startswith(f"{ADDRESS}: the model's output `{output}` ")


# -- the law: what hpi-plan writes can be loaded ----------------------------------------------------

TARGETS = [
    Target("linux", arch, 4, gpus=gpus, npus=npus, cuda=cuda,
           backends={"onnxruntime": "1.31.0", "openvino": "2026.4.1", "paddle": "3.2.2", "tensorrt": trt, "om": om},
           tools={"paddle2onnx": "2.1.0", "onnxconverter-common": "1.16", "onnx": "1.17", "nncf": "3.0"})
    for arch in ("x86_64", "aarch64")
    for gpus, npus, cuda, trt, om in (
        ((), 0, None, None, None),
        ((Gpu("NVIDIA A10", "8.6", 24564),) * 2, 0, "12.6", "10.9", None),
        ((), 2, None, None, "8.0"),
    )
]  # fmt: skip


class Model:
    """A reader that has a model in some formats, whatever its name."""

    def __init__(self, formats: tuple[str, ...]) -> None:
        self._formats = formats

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        files = {
            "onnx": {"inference.onnx": DIGEST},
            "paddle": {"inference.json": DIGEST, "inference.pdiparams": DIGEST},
            "om": {"inference.om": DIGEST},
        }
        inputs: Any = {form: {} if form == "om" else {"x": ("float32", [None, 3, None, None])} for form in files}
        chosen = {form: files[form] for form in self._formats}
        return ModelFacts("m", self._formats, chosen, {form: inputs[form] for form in chosen}, model_name)


def _maybe(*values: Any) -> Any:
    return st.sampled_from([..., *values])


@settings(max_examples=300)
@given(
    st.sampled_from(TARGETS),
    st.lists(st.sampled_from(["om", "onnx", "paddle"]), min_size=1, max_size=3, unique=True).map(sorted).map(tuple),
    st.fixed_dictionaries({
        "use_hpip": _maybe(True, False),
        "device": _maybe("cpu", "gpu", "gpu:0,1", "npu", "npu:1"),
        "backend": _maybe("onnxruntime", "openvino", "paddle", "tensorrt", "om"),
        "auto_config": _maybe(True, False),
        "on_failure": _maybe(["onnxruntime"], ["paddle", "openvino"], ["om"]),
        "precision": _maybe("fp32", "fp16", "bf16"),
        "engine": _maybe("hpi", "paddle_static", "onnxruntime"),
        "model": st.sampled_from(["PP-LCNet_x0_5", "unheard_of"]),
    }),
)  # fmt: skip
def test_whatever_is_planned_names_engines_that_the_runner_would_load(
    target: Target, formats: tuple[str, ...], wish: dict[str, Any]
) -> None:
    config = {key: wish[key] for key in ("backend", "auto_config", "on_failure") if wish[key] is not ...}
    if wish["precision"] is not ...:
        config["backend_config"] = {"precision": wish["precision"]}
    flags = {
        "device": None if wish["device"] is ... else wish["device"],
        "use_hpip": None if wish["use_hpip"] is ... else json.dumps(wish["use_hpip"]),
        "hpi_config": json.dumps(config) if config else None,
        "engine": None if wish["engine"] is ... else wish["engine"],
    }
    text = (
        f"pipeline_name: image_classification\nSubModules: {{ImageClassification: {{model_name: {wish['model']}}}}}\n"
    )
    ir = compile(request(text, collect(flags, ()), target, Model(formats)))
    if ir.plan is None:
        assert has_errors(ir.diagnostics)
        return
    # Refuses backends on devices that they do not run on, and options that they do not take.
    plan = parse((ir.text or "").encode(), Path(), None, [])
    for record in plan.modules.values():
        for engine in record.engines:
            assert engines.find(engine.backend) is not None
            assert engine.format in load_all()[engine.backend].formats or engine.prepare


def test_a_plan_whose_engine_does_not_run_on_its_device_is_refused(folder: Path) -> None:
    change(folder / "plan.json", "npu:0", "modules", ADDRESS, "device")
    with pytest.raises(PlanError, match="the backend onnxruntime does not run on npu:0"):
        parse((folder / "plan.json").read_bytes(), folder, None, [])
