"""Arguments and results as PaddleX has them: a frozen plan takes what it has, and refuses the rest with a mend."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hpi_runtime import OutputError
from hpi_runtime.errors import PlanError
from hpi_runtime.results.result import Result
from hpi_runtime.run import arguments
from hpi_schemas.plan.graph import of_one
from hpi_schemas.plan.read import read
from support import fields

OCR = Path(__file__).parents[2] / "examples/ocr/plan.json"
DIGITS = Path(__file__).parents[2] / "examples/digits/plan.json"


def check(path: Path, module: str | None = None, **given: Any) -> None:
    plan = read(path.read_bytes(), str(path))
    graph = plan.graph if module is None else of_one(module, plan.modules[module].module_name)
    assert graph is not None
    located: Any = SimpleNamespace(plan=plan, modules=plan.modules)
    arguments.check(located, graph, module, given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"use_doc_unwarping": False, "use_textline_orientation": True, "use_doc_orientation_classify": True},
        {"text_det_thresh": 0.3, "text_det_limit_type": "min", "text_rec_score_thresh": None},
        {"text_det_limit_side_len": 736.0, "return_word_box": False},
    ],
)
def test_what_the_plan_has_anyway_may_be_asked_for(given: dict[str, Any]) -> None:
    check(OCR, **given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"text_det_thresh": 0.5}, "`text_det_thresh` is 0.5, and the plan has 0.3"),
        ({"text_det_thresh": 0.5}, "write `SubModules.TextDetection.thresh: 0.5` in the YAML"),
        ({"use_doc_unwarping": True}, "overrides=['SubPipelines.DocPreprocessor.use_doc_unwarping=true']"),
        ({"use_textline_orientation": False}, "`use_textline_orientation: false` in the YAML"),
        ({"return_word_box": True}, "SubModules.TextRecognition.return_word_box"),
        ({"use_textline_orientation": False}, "the plan has true"),
        ({"text_det_thresh": np.float64(0.5)}, "thresh: 0.5` in the YAML"),
    ],
)
def test_what_the_plan_does_not_have_is_refused_with_what_to_write(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanError) as told:
        check(OCR, **given)
    assert reason in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("use_textline_orientation", 1, "must be of type boolean, not 1"),
        ("use_doc_unwarping", "no", "must be of type boolean, not 'no'"),
        ("text_det_thresh", "0.3", "must be of type number, not '0.3'"),
        ("text_det_thresh", (1, 2), r"must be of type number, not \(1, 2\)"),
        ("text_det_thresh", np.array([0.3, 0.4]), "must be of type number"),
        ("text_det_thresh", float("nan"), "has no place in a YAML"),
        ("text_det_limit_type", "widest", "must be `min` or `max`"),
        ("text_det_limit_type", object(), "must be `min` or `max`"),
    ],
)
def test_a_value_that_no_yaml_may_have_there_is_a_type_error(name: str, value: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"`{name}` .*{reason}"):
        check(OCR, **{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    check(
        OCR, text_det_thresh=np.float64(0.3), text_det_limit_side_len=np.int64(736), use_doc_unwarping=np.bool_(False)
    )


def test_an_argument_that_paddlex_does_not_have_is_a_type_error_that_lists_those_it_has() -> None:
    with pytest.raises(TypeError, match=r"no argument 'threshold' here; .*text_det_thresh"):
        check(OCR, threshold=0.5)
    with pytest.raises(TypeError, match="it takes: topk, batch_size"):
        check(DIGITS, threshold=3)


def test_batch_size_is_that_of_the_one_module() -> None:
    check(DIGITS, batch_size=None)
    with pytest.raises(PlanError, match=r"write `SubModules.ImageClassification.batch_size: 3`"):
        check(DIGITS, batch_size=3)
    with pytest.raises(TypeError, match="no argument 'batch_size'"):
        check(OCR, batch_size=6)


def test_a_module_alone_takes_the_settings_of_its_task() -> None:
    check(OCR, "SubModules.TextDetection", thresh=0.3, batch_size=1)
    with pytest.raises(PlanError, match=r"write `SubModules.TextDetection.thresh: 0.4`"):
        check(OCR, "SubModules.TextDetection", thresh=0.4)


# -- results -------------------------------------------------------------------------------------


@pytest.fixture
def result() -> Result:
    record = {"input_path": "p.png", "page_index": None, "label_names": ["Käse"], "scores": [0.9], "class_ids": [1]}
    of = fields.of_task("image_classification")
    return Result(record, np.zeros((40, 60, 3), np.uint8), fields=of)


def test_json_and_img_are_dictionaries_by_name(result: Result) -> None:
    assert result.json == {"res": dict(result)}
    (picture,) = result.img.values()
    assert list(result.img) == ["res"]
    assert isinstance(picture, PIL.Image.Image)
    assert picture.height > 40
    assert Result({"input_path": "x", "page_index": None, "error": {}}).img == {}


def test_print_is_a_line_or_paddlexs_json(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    result.print()
    assert json.loads(capsys.readouterr().out) == dict(result)
    result.print(json_format=True, indent=2, ensure_ascii=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == result.json
    assert '\n  "res": {\n    "input_path"' in printed
    assert "K\\u00e4se" in printed


def test_records_are_saved_with_the_indentation_that_is_asked_for(result: Result, tmp_path: Path) -> None:
    plain = result.save_to_json(save_path=tmp_path / "a.json").read_text("utf-8")
    assert '\n    "label_names": [\n        "Käse"' in plain
    escaped = result.save_to_json(tmp_path / "b.json", indent=1, ensure_ascii=True).read_text()
    assert '\n "label_names": [\n  "K\\u00e4se"' in escaped


def test_all_that_there_is_is_saved_into_a_folder(result: Result, tmp_path: Path) -> None:
    result.save_all(save_path=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p_res.json", "p_res.png"]


@pytest.mark.parametrize(
    "name", ["a\0b", "a\0b.json", "a\0b.png", "x" * 300, "x" * 300 + ".json", "file", "file/x.json"]
)
@pytest.mark.parametrize("save", ["save_to_json", "save_to_img", "save_all"])
def test_a_place_where_nothing_can_be_written_is_an_output_error(
    result: Result, save: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError):
        getattr(result, save)(tmp_path / name)
    assert (tmp_path / "file").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_one_form_is_saved_by_its_name_and_a_failure_has_only_its_record(result: Result, tmp_path: Path) -> None:
    assert result.save_to("json", tmp_path / "a.json") == tmp_path / "a.json"
    assert result.save_to("img", tmp_path / "a.png") == tmp_path / "a.png"
    with pytest.raises(TypeError, match="no form 'parquet'; it has: json, img"):
        result.save_to("parquet", tmp_path)
    failure = Result({"input_path": "x.png", "page_index": None, "plan": "", "error": {"code": "C", "message": "m"}})
    assert failure.save_to("csv", tmp_path) is None
    assert failure.save_to("json", tmp_path) == tmp_path / "x_res.json"


def test_a_format_without_colours_is_an_output_error_and_leaves_no_file(result: Result, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a.xbm cannot be written: .*; name a .png"):
        result.save_to_img(tmp_path / "a.xbm")
    assert not list(tmp_path.iterdir())
