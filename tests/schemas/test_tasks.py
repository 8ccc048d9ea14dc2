"""What a task demands of its model: contradictions are told, and what is not told can be loaded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hpi_runtime import tasks as classes
from hpi_runtime.errors import EngineError
from hpi_runtime.run.loading import make_task
from hpi_schemas import tasks
from hpi_schemas.tasks.check import contradictions
from hpi_schemas.tasks.contradiction import Facts
from hpi_schemas.tasks.processing import number, processing
from hypothesis import given, settings
from hypothesis import strategies as st
from support import model_configs, records

NAMES = {
    "text_detection": "PP-OCRv5_mobile_det",
    "text_recognition": "PP-OCRv5_mobile_rec",
    "image_classification": "PP-LCNet_x0_5",
    "textline_orientation": "PP-LCNet_x1_0_textline_ori",
    "doc_text_orientation": "PP-LCNet_x1_0_doc_ori",
    "image_unwarping": "UVDoc",
}
INPUT = {"x": ("float32", ["N", 3, "H", "W"])}
FITTING: dict[str, tuple[Any, Any]] = {
    "text_detection": (INPUT, {"y": ("float32", ["N", 1, "H", "W"])}),
    "text_recognition": ({"x": ("float32", ["N", 3, 48, None])}, {"y": ("float32", ["N", None, 4])}),
    "image_classification": ({"x": ("float32", ["N", 3, 224, 224])}, {"y": ("float32", ["N", 1000])}),
    "textline_orientation": ({"x": ("float32", ["N", 3, 80, 160])}, {"y": ("float32", ["N", 2])}),
    "doc_text_orientation": ({"x": ("float32", ["N", 3, 224, 224])}, {"y": ("float32", ["N", 4])}),
    "image_unwarping": (INPUT, {"y": ("float32", ["N", 3, None, None])}),
}


def told(task: str, config: Any = None, settings: Any = None, batch_size: int = 6, **tensors: Any) -> list[str]:
    """Return what is said of a model that fits but for what is given."""
    inputs, outputs = FITTING[task]
    given = processing(model_configs.config(NAMES[task]) if config is None else config)
    facts = Facts(tensors.get("inputs", inputs), tensors.get("outputs", outputs), given, settings or {}, batch_size)
    return [f"{item.where}: {item.message}; {item.help}" for item in contradictions(task, facts)]


@pytest.mark.parametrize("task", NAMES)
def test_a_model_that_fits_is_told_nothing(task: str) -> None:
    assert told(task) == []


def test_every_task_of_ours_has_a_contract_and_an_unknown_one_demands_nothing() -> None:
    for task in NAMES:
        contract = tasks.find(task)
        assert contract is not None
        assert classes.find(task) is not None
    assert contradictions("abacus", Facts({}, {}, {}, {}, 1)) == []


def test_a_contract_is_the_same_whether_it_is_looked_up_by_itself_or_with_all() -> None:
    every = tasks.load_all()
    assert {task: tasks.find(task) for task in every} == every


def test_the_name_of_a_family_is_no_task() -> None:
    families = {contract.name for contract in tasks.load_all().values()} - tasks.load_all().keys()
    assert families
    assert [name for name in sorted(families) if tasks.find(name) is not None] == []


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"x": ("float16", ["N", 3, "H", "W"])}, "model: the model's input `x` is float16, and the task takes float32"),
        ({"x": ("unknown", ["N", 3, "H", "W"])}, "is unknown, and the task takes float32"),
        ({"x": ("float32", ["N", 3, "L"])}, "is float32 [N, 3, L], and the task takes float32 [N, 3, H, W]"),
        ({"x": ("float32", ["N", 1, "H", "W"])}, "is float32 [N, 1, H, W]"),
        ({**INPUT, "k": ("int64", [1])}, "takes 2 inputs (x, k), the task one"),
        ({"x": ("float32", [4, 3, "H", "W"])}, "exactly 4 pictures at a time"),
    ],
)
def test_an_input_that_the_task_cannot_fill_is_told(task: str, inputs: Any, reason: str) -> None:
    (line,) = told(task, inputs=inputs)
    assert reason in line


@pytest.mark.parametrize("task", ["text_recognition", "image_classification", "textline_orientation"])
def test_a_fixed_batch_of_one_contradicts_a_larger_batch_size_where_there_are_batches(task: str) -> None:
    dtype, dims = FITTING[task][0]["x"]
    inputs = {"x": (dtype, [1, *dims[1:]])}
    (line,) = told(task, inputs=inputs)
    assert line.startswith(
        "batch_size: the model's input `x` takes one picture at a time, and `batch_size` is 6; write"
    )
    assert told(task, inputs=inputs, batch_size=1) == []


def test_a_fixed_batch_of_one_is_fine_where_every_picture_is_a_batch() -> None:
    assert told("text_detection", inputs={"x": ("float32", [1, 3, "H", "W"])}) == []


@pytest.mark.parametrize(
    ("task", "height", "width", "settings", "reason"),
    [
        ("text_detection", 960, 960, {}, "write `input_shape: [3, 960, 960]`"),
        ("text_detection", 960, "W", {}, "write `input_shape: [3, 960, width]`"),
        ("text_detection", 960, 960, {"input_shape": [3, 640, 640]}, "input_shape: the model's input `x` has"),
        ("text_detection", 960, 960, {"input_shape": [3, 960, 960]}, None),
        ("text_recognition", 32, None, {}, "take the inference.yml that belongs to this model"),
        ("text_recognition", 48, 320, {}, "write `input_shape: [3, 48, 320]`"),
        ("text_recognition", 48, 320, {"input_shape": [3, 48, 320]}, None),
        ("text_recognition", 48, None, {"input_shape": [3, 32, 320]}, "`input_shape` gives height 32"),
        ("image_classification", 192, 192, {}, "ResizeImage.size of inference.yml gives height 224 and width 224"),
        ("image_unwarping", 512, 512, {}, "export the model with a free size"),
    ],
)
def test_sizes_that_the_model_fixes_must_be_those_that_pictures_get(
    task: str, height: Any, width: Any, settings: Any, reason: str | None
) -> None:
    found = told(task, settings=settings, inputs={"x": ("float32", ["N", 3, height, width])})
    assert (found == []) if reason is None else (len(found) == 1 and reason in found[0])


def test_a_height_that_is_fixed_fits_pictures_that_keep_their_ratio() -> None:
    config = edited(
        "text_detection",
        lambda c: steps(c)[0].update(DetResizeForTest={"image_shape": [640, 640], "keep_ratio": True}),
    )
    inputs = {"x": ("float32", ["N", 3, 640, None])}
    assert told("text_detection", config, inputs=inputs) == []
    (line,) = told("text_detection", config, inputs={"x": ("float32", ["N", 3, 640, 640])})
    assert "a height of 640 and a width of 640" in line


def test_entries_that_yaml_takes_for_numbers_are_characters() -> None:
    config = edited("text_recognition", lambda c: c["PostProcess"].update(character_dict=["a", 1]))
    assert told("text_recognition", config) == []


@pytest.mark.parametrize(
    "shape", [[3, 640], [1, 640, 640], [3, 640, 650], [3, 0, 640], [3, -32, 32], "640", [3, True, 32], [3, 64.0, 64]]
)
def test_an_input_shape_of_another_length_other_channels_or_no_multiple_is_told(shape: Any) -> None:
    (line,) = told("text_detection", settings={"input_shape": shape})
    assert line.startswith("input_shape: `input_shape` must be [channels, height, width]")


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({"a": ("int64", ["N", "T"])}, "first output `a` is int64"),
        (
            {"a": ("float32", ["N", "T"])},
            "`a` is float32 [N, T], and the task takes float32 [N, T, classes]",
        ),
        ({"a": ("float32", ["N", "T", 5])}, "2 entries in character_dict, which make 4 classes with"),
        ({"a": ("float32", ["N", "T", 3])}, "the model has 3 classes"),
        ({"a": ("float32", None)}, None),
        ({"a": ("float64", ["N", "T", 4])}, None),
        ({"a": ("float32", ["N", "T", "C"]), "b": ("int64", ["N"])}, None),
        ({}, None),
    ],
)
def test_an_output_that_the_task_cannot_read_is_told(outputs: Any, reason: str | None) -> None:
    found = told("text_recognition", outputs=outputs)
    assert (found == []) if reason is None else (len(found) == 1 and reason in found[0])


def test_labels_of_another_number_than_classes_are_told() -> None:
    config = model_configs.config(NAMES["doc_text_orientation"])
    config["PostProcess"] = {"Topk": {"topk": 1, "label_list": ["0", "90", "180"]}}
    (line,) = told("doc_text_orientation", config)
    assert "lists 3 entries in label_list; the model has 4 classes" in line


def edited(task: str, edit: Any) -> Any:
    config = copy.deepcopy(model_configs.config(NAMES[task]))
    edit(config)
    return config


def steps(config: Any) -> Any:
    return config["PreProcess"]["transform_ops"]


# What people's and other toolkits' files hold, and what is said of it.
ODD = [
    (
        "text_recognition",
        lambda c: c["PostProcess"].pop("character_dict"),
        "must be a list, not nothing",
    ),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict="dict.txt"), "character_dict must be a list"),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict={"a": 1}), "character_dict must be a list"),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict=[]), "must have at least 1 entry"),
    ("text_recognition", lambda c: c["PostProcess"].update(name="AttnLabelDecode"), "must be `CTCLabelDecode`"),
    ("text_recognition", lambda c: c.update(PostProcess=[1]), "has no PostProcess"),
    ("text_recognition", lambda c: steps(c).insert(0, {"SVTRRecResizeImg": None}), "asks for SVTRRecResizeImg"),
    ("text_recognition", lambda c: steps(c).clear(), "does not name RecResizeImg"),
    (
        "text_recognition",
        lambda c: steps(c)[0].update(RecResizeImg={"image_shape": [48, 320]}),
        "3 whole numbers",
    ),
    ("text_recognition", lambda c: steps(c)[0].update(RecResizeImg={"image_shape": [1, 48, 320]}), "must begin with 3"),
    ("text_detection", lambda c: c["PostProcess"].update(name="PSEPostProcess"), "must be `DBPostProcess`"),
    ("text_detection", lambda c: c["PostProcess"].update(box_type="poly"), "must be `quad`"),
    ("text_detection", lambda c: c["PostProcess"].update(thresh=30), "thresh must be at most 1"),
    ("text_detection", lambda c: c["PostProcess"].update(unclip_ratio=0), "must be more than 0"),
    ("text_detection", lambda c: c["PostProcess"].update(use_dilation="yes"), "must be true or false"),
    ("text_detection", lambda c: steps(c).pop(1), "does not name NormalizeImage"),
    (
        "text_detection",
        lambda c: steps(c)[1]["NormalizeImage"].update(scale="np.float32(1/255)"),
        "quotient of numbers",
    ),
    ("text_detection", lambda c: steps(c)[1]["NormalizeImage"].update(scale="1/0"), "quotient of numbers"),
    ("text_detection", lambda c: steps(c)[1]["NormalizeImage"].update(std=[0.5, 0, 0.5]), "must hold no 0"),
    ("text_detection", lambda c: steps(c)[1]["NormalizeImage"].update(mean=[0.5]), "must be a list of 3 numbers"),
    ("text_detection", lambda c: steps(c)[1]["NormalizeImage"].update(order="chw"), "NormalizeImage.order must be"),
    ("text_detection", lambda c: steps(c)[1]["NormalizeImage"].update(gamma=2), "NormalizeImage has no argument gamma"),
    ("text_detection", lambda c: steps(c)[0].update(DetResizeForTest={"limit_type": "mid"}), "limit_type must be"),
    ("text_detection", lambda c: steps(c).insert(0, {"DecodeImage": {"img_mode": "GRAY"}}), "img_mode must be"),
    ("text_detection", lambda c: steps(c).insert(0, {"DecodeImage": {"channel_first": True}}), "must be `False`"),
    ("text_detection", lambda c: steps(c).insert(0, "ToCHWImage"), "has no usable PreProcess.transform_ops"),
    ("text_detection", lambda c: steps(c)[0].update(DetResizeForTest={"image_shape": [100, 100]}), "multiples of 32"),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict=["a", None]), "its entry 2 is none"),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict=[*"abc" * 9, False]), "its entry 28 is none"),
    ("text_recognition", lambda c: c["PostProcess"].update(character_dict=[*"ab" * 99, 0.5]), "its entry 199 is none"),
    ("text_detection", lambda c: c.update(PreProcess=None), "has no usable PreProcess.transform_ops"),
    ("image_classification", lambda c: steps(c)[0].update(ResizeImage={}), "needs resize_short or size"),
    (
        "image_classification",
        lambda c: steps(c)[0].update(ResizeImage={"size": [224, 224, 3]}),
        "must be a number",
    ),
    (
        "image_classification",
        lambda c: steps(c)[0]["ResizeImage"].update(interpolation="MAGIC"),
        "must be `AREA`",
    ),
    ("image_classification", lambda c: steps(c)[0]["ResizeImage"].update(interpolation="BOX"), "with cv2"),
    ("image_classification", lambda c: c["PostProcess"].pop("Topk"), "Topk.topk must be a whole number"),
]


@pytest.mark.fault("models and their inference.yml that contradict the task")
@pytest.mark.parametrize(("task", "edit", "reason"), ODD, ids=[item[2] for item in ODD])
def test_an_inference_yml_that_the_task_cannot_use_is_told_and_refused_when_loaded(
    tmp_path: Path, task: str, edit: Any, reason: str
) -> None:
    config = edited(task, edit)
    assert any(reason in line for line in told(task, config))
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(config))
    with pytest.raises(EngineError, match=r"m: .*inference\.yml"):
        make_task("m", records.module(task), tmp_path)


@pytest.mark.fault("models and their inference.yml that contradict the task")
@pytest.mark.parametrize("section", ["Global", "Hpi"])
def test_a_section_that_is_no_mapping_is_told_in_words(tmp_path: Path, section: str) -> None:
    config = {**model_configs.config(NAMES["image_classification"]), section: "text"}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(config))
    with pytest.raises(EngineError, match=f"has a `{section}` that is not a mapping"):
        make_task("m", records.module("image_classification"), tmp_path)


@pytest.mark.parametrize("value", [[], {}, 3, None, "PP-OCRv4_server_det"])
def test_a_model_may_be_called_anything(tmp_path: Path, value: Any) -> None:
    config = {**model_configs.config(NAMES["text_detection"]), "Global": {"model_name": value}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(config))
    assert make_task("m", records.module("text_detection"), tmp_path).model_name == str(value)


@pytest.mark.parametrize(
    "text", ["__import__('os')", "1/0", "2**99", "1+1", "a", "", "1" * 300, "nan", "1e999", "True"]
)
def test_numbers_are_read_and_nothing_is_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        number(text)


@pytest.mark.parametrize(("text", "value"), [("1./255.", 1 / 255), (" 0.5 ", 0.5), (2, 2.0), ("1/2*3", 1.5)])
def test_numbers_may_be_products_and_quotients(text: Any, value: float) -> None:
    assert number(text) == value


# -- what is not told can be loaded ---------------------------------------------------------------

SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-5, 500) | st.floats(-2, 2) | st.sampled_from(["", "1./255.", "BGR", "min"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(st.sampled_from(["size", "mean", "x"]), SCALARS)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@settings(max_examples=400)
@given(st.data())
def test_an_inference_yml_of_which_nothing_is_told_can_be_loaded(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    task = data.draw(st.sampled_from([name for name in NAMES if name != "image_unwarping"]))
    config = copy.deepcopy(model_configs.config(NAMES[task]))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([place for place in places(config) if len(place) > 1]))
        here = config
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = data.draw(VALUES)
    folder = tmp_path_factory.mktemp("config")
    (folder / "inference.yml").write_text(yaml.safe_dump(config))
    lines = contradictions(task, Facts({}, {}, processing(config), {}, 1))
    try:
        make_task("m", records.module(task), folder)
    except EngineError:
        assert lines
    else:
        assert not lines
