"""The Python façade, as in PaddleX."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from hpi_runtime import (
    Limits,
    Recorder,
    create_model,
    create_pipeline,
    load_plan,
    open_engine,
    plan_model,
    plan_pipeline,
    read_plan,
)
from hpi_runtime.errors import PlanError, PreflightError
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.runner import PREPROCESS

ROOT = Path(__file__).parent.parent.parent
OCR = ROOT / "examples/ocr"


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    picture = np.full((60, 420, 3), 255, np.uint8)
    cv2.putText(picture, "Hello hpi 2026", (12, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (0, 0, 0), 2, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_no_engine_ties_threads_to_cores_that_others_want_too(
    models: Path, line: np.ndarray, backend: str, streams: int
) -> None:
    folder = models / "ch_ppocr_mobile_v2.0_cls"
    options: dict[str, Any] = {
        "use_hpip": True,
        "hpi_config": {"backend": backend, "backend_config": {"num_streams": streams}},
        "module_name": "textline_orientation",
    }
    # Of what else ran in this process, some has its own ways.
    tasks = Path("/proc/self/task")
    before = set(tasks.iterdir())
    with create_model(folder.name, folder, device="cpu", **options) as model:
        list(model.predict([line] * 3))
        threads = [int(task.name) for task in tasks.iterdir() if task not in before]
        assert threads
        assert all(os.sched_getaffinity(thread) == os.sched_getaffinity(0) for thread in threads)


def test_a_pipeline_is_compiled_and_run_in_one_go(models: Path, line: np.ndarray) -> None:
    page = np.full((300, 480, 3), 255, np.uint8)
    page[100:160, 30:450] = line
    with create_pipeline(OCR / "pipeline.yaml", device="cpu", overrides=["use_doc_preprocessor=false"]) as pipeline:
        (result,) = pipeline.predict(page)
    assert result["rec_texts"] == ["Hello hpi 2026"]
    assert result["input_path"] is None


def test_arguments_act_at_the_top_level_as_in_paddlex(models: Path) -> None:
    # use_hpip is off at the top; the sub-pipeline's hpi_config does not turn it on, and has no effect.
    with pytest.warns(UserWarning, match="hpi-config-hidden"):
        pipeline = create_pipeline(OCR / "pipeline.yaml", use_hpip=False, hpi_config={})
    with pipeline:
        engines = {address: record.engine.backend for address, record in pipeline.plan.modules.items()}
    assert set(engines.values()) == {"onnxruntime"}


def test_an_engine_of_paddlex_is_taken_as_in_paddlex(models: Path, line: np.ndarray) -> None:
    folder = models / "PP-OCRv6_small_rec"
    options = {"intra_op_num_threads": 1}
    with create_model("PP-OCRv6_small_rec", folder, engine="onnxruntime", engine_config=options) as model:
        (record,) = model.plan.modules.values()
        (result,) = model.predict(line)
    assert (record.engine.backend, record.engine.config["cpu_num_threads"]) == ("onnxruntime", 1)
    assert result["rec_text"] == "Hello hpi 2026"


def test_an_argument_that_no_yaml_can_hold_is_said() -> None:
    with pytest.raises(PlanError, match="cannot stand in a YAML"):
        create_pipeline("OCR", hpi_config={"backend": object()})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("overrides", value) for value in ("a=b", b"a=b", [3], 3, None)),
        *(("models", value) for value in ("folder", Path("folder"), [3], None)),
        *(("device", value) for value in (0, ["cpu"])),
        *(("use_hpip", value) for value in ("yes", 1)),
        *(("hpi_config", value) for value in ("{}", ["backend"])),
        *(("engine", value) for value in (1, ["hpi"])),
        *(("engine_config", value) for value in ("{}", 3)),
        *(("pipeline", value) for value in (3, ["OCR"], b"OCR")),
    ],
)
def test_an_argument_of_another_type_is_a_type_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        plan_pipeline(**{"pipeline": "OCR", name: value})


@pytest.mark.parametrize(("name", "value"), [("model_name", 3), ("model_dir", 3), ("device", 0), ("use_hpip", "yes")])
def test_one_model_has_the_same_checks(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        plan_model(**{"model_name": "PP-OCRv4_mobile_rec", name: value})


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("pages", 0, ValueError),
        ("bytes", "1 GB", TypeError),
        ("pixels", 1e6, TypeError),
        ("page_seconds", float("inf"), ValueError),
        ("url_seconds", -1, ValueError),
        ("private_redirects", 1, TypeError),
    ],
)
def test_limits_are_numbers_that_a_limit_can_be(name: str, value: Any, fault: type[Exception]) -> None:
    with pytest.raises(fault, match=f"`{name}` must be"):
        Limits(**{name: value})


def test_a_file_given_as_config_is_told_where_it_belongs() -> None:
    with pytest.raises(TypeError, match="not a str; name a file as `pipeline`"):
        create_pipeline(config=str(OCR / "pipeline.yaml"))  # type: ignore[arg-type]


def test_what_hpi_plan_warns_of_is_not_lost(models: Path) -> None:
    layers = ["SubModules.TextDetection.use_hpip=null"]
    with pytest.warns(UserWarning, match="use-hpip-null"):
        create_pipeline(OCR / "pipeline.yaml", overrides=layers).close()


def test_one_model_reads_a_line(models: Path, line: np.ndarray) -> None:
    folder = models / "PP-OCRv6_small_rec"
    with create_model("PP-OCRv6_small_rec", folder, use_hpip=True, hpi_config={"backend": "openvino"}) as model:
        (result,) = model.predict(line)
    assert result["rec_text"] == "Hello hpi 2026"
    assert result["rec_score"] > 0.9


def test_a_model_that_paddlex_does_not_know_says_its_task(line: np.ndarray) -> None:
    with create_model("page_orientation", OCR / "page_orientation", module_name="doc_text_orientation") as model:
        (result,) = model.predict(line)
    assert result["label_names"][0] in ("0", "90", "180", "270")
    with pytest.raises(PlanError, match="module: text_detection"):
        create_model("page_orientation", OCR / "page_orientation")


def test_a_committed_plan_runs(models: Path, tmp_path: Path) -> None:
    with load_plan(OCR / "plan.json") as pipeline:
        (result,) = pipeline.predict(OCR / "receipt.jpg")
    assert result["plan"] == pipeline.plan.digest
    assert result.save_to_json(tmp_path) == tmp_path / "receipt_res.json"
    assert result.save_to_img(tmp_path) == tmp_path / "receipt_ocr_res_img.jpg"
    assert json.loads((tmp_path / "receipt_res.json").read_text())["rec_texts"] == result["rec_texts"]


def test_one_picture_is_worked_on_by_the_callers_thread_and_several_by_others(tmp_path: Path) -> None:
    own = threading.current_thread()
    seen: list[bool] = []

    def measure(_name: str, kind: str, _seconds: float, _owners: Any) -> None:
        if kind == PREPROCESS:
            seen.append(threading.current_thread() is own)

    picture = np.zeros((320, 320, 3), np.uint8)
    with create_model("page_orientation", OCR / "page_orientation", module_name="doc_text_orientation") as model:
        plan = model.plan
    with NativePipeline(plan, measure=measure) as pipeline:
        assert len(list(pipeline.predict(picture))) == 1
        assert seen == [True]
        assert len(list(pipeline.predict([picture, picture]))) == 2
        assert seen == [True, False, False]


def test_what_cannot_be_compiled_is_said_as_hpi_plan_says_it(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("pipeline_name: OCR\ntext_type: generl\n")
    with pytest.raises(PlanError, match=r"p\.yaml:2:12: error\[setting-invalid\]"):
        create_pipeline(tmp_path / "p.yaml")
    with pytest.raises(PlanError, match="did you mean `OCR`"):
        create_pipeline("OCRR")


def test_one_engine_of_a_plan_is_opened_with_everything_that_a_pipeline_checks(models: Path, tmp_path: Path) -> None:
    plan = read_plan(OCR / "plan.json")
    with open_engine(plan, "SubModules.TextLineOrientation") as engine:
        (answer,) = engine.run({engine.inputs[0].name: np.zeros((2, 3, 48, 192), np.float32)}).values()
    assert answer.shape == (2, 2)
    with pytest.raises(PlanError, match="the plan has no module Nope; it has:"):
        open_engine(plan, "Nope")
    with pytest.raises(PreflightError, match="TextLineOrientation"):
        open_engine(read_plan(OCR / "plan.json", root=tmp_path), "SubModules.TextLineOrientation")


def test_a_configuration_may_be_given_as_values(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(OCR)
    config = yaml.safe_load((OCR / "pipeline.yaml").read_text())
    plan = plan_pipeline(config=config, device="cpu")
    assert plan.modules == plan_pipeline("pipeline.yaml", device="cpu").modules
    with pytest.raises(PlanError, match="name a pipeline, or give a config"):
        plan_pipeline()


SHARING = """
pipeline_name: OCR
text_type: general
use_hpip: true
share_sessions: {wanted}
SubPipelines:
  DocPreprocessor:
    pipeline_name: doc_preprocessor
    use_doc_unwarping: false
    SubModules:
      DocOrientationClassify: {{model_name: page_orientation, model_dir: models/page_orientation}}
SubModules:
  TextDetection: {{model_name: PP-OCRv6_small_det, model_dir: models/PP-OCRv6_small_det}}
  TextLineOrientation: {{model_name: page_orientation, model_dir: models/page_orientation, batch_size: 6}}
  TextRecognition: {{model_name: PP-OCRv6_small_rec, model_dir: models/PP-OCRv6_small_rec, batch_size: 6}}
"""
FIRST, SECOND = "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify", "SubModules.TextLineOrientation"


def test_modules_of_one_session_have_one_engine_and_the_answers_of_two(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    lines, engines = [], []
    for wanted in ("true", "false"):
        (tmp_path / "pipeline.yaml").write_text(SHARING.format(wanted=wanted))
        with create_pipeline(tmp_path / "pipeline.yaml", device="cpu") as pipeline:
            results = list(pipeline.predict([str(OCR / "receipt.jpg")] * 2))
            lines.append([{**result, "plan": ""} for result in results])
            engines.append((pipeline.engines[FIRST], pipeline.engines[SECOND]))
            made = Recorder().record(pipeline, 2, 0)
    assert lines[0] == lines[1]
    assert engines[0][0] is engines[0][1]
    assert engines[1][0] is not engines[1][1]
    assert made.modules[FIRST].actual == made.modules[SECOND].actual


def test_a_module_that_uses_another_ones_session_runs_alone_too(models: Path, tmp_path: Path, line: np.ndarray) -> None:
    (tmp_path / "models").symlink_to(models)
    (tmp_path / "pipeline.yaml").write_text(SHARING.format(wanted="true"))
    with NativePipeline(plan_pipeline(tmp_path / "pipeline.yaml", device="cpu"), SECOND) as pipeline:
        (result,) = pipeline.predict(line)
    assert len(result["class_ids"]) > 0
    assert list(pipeline.engines) == [SECOND]


def test_a_model_takes_the_settings_of_its_task_as_paddlex_does() -> None:
    folder = ROOT / "examples/ocr/models/PP-OCRv6_small_det"
    plan = plan_model("PP-OCRv6_small_det", folder, device="cpu", thresh=0.5, box_thresh=None)
    (record,) = plan.modules.values()
    assert record.settings["thresh"] == 0.5
    assert record.settings.get("box_thresh") is None
    with pytest.raises(TypeError, match=r"no argument 'topk' here; .*: limit_side_len, .*thresh"):
        plan_model("PP-OCRv6_small_det", folder, device="cpu", topk=3)
    with pytest.raises(PlanError, match="`thresh` must be of type number"):
        plan_model("PP-OCRv6_small_det", folder, device="cpu", thresh="high")
