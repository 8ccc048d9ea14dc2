"""What detectors demand of a model: two or three inputs, two outputs, and PaddleDetection's inference.yml."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hpi_schemas import tasks
from hpi_schemas.tasks.binding import BindError, bind_inputs, bind_outputs
from hpi_schemas.tasks.check import contradictions, idle_settings
from hpi_schemas.tasks.contradiction import Facts
from hpi_schemas.tasks.processing import processing
from support.toy_detectors import NORMALIZE, PERMUTE, RESIZE

IMAGE = ("float32", [1, 3, 800, 608])
PAIR = ("float32", [1, 2])
INPUTS: Mapping[str, Any] = {"image": IMAGE, "scale_factor": PAIR}
OUTPUTS: Mapping[str, Any] = {"boxes": ("float32", ["K", 6]), "count": ("int32", [1])}
SIZED = {**RESIZE, "target_size": [800, 608]}
CONFIG: dict[str, Any] = {"Preprocess": [SIZED, NORMALIZE, PERMUTE], "label_list": ["a", "b"], "draw_threshold": 0.5}


def told(
    inputs: Any = INPUTS, outputs: Any = OUTPUTS, config: Any = CONFIG, settings: Any = None, batch_size: int = 1
) -> list[str]:
    facts = Facts(inputs, outputs, processing(config), settings or {}, batch_size)
    return [f"{item.where}: {item.message}; {item.help}" for item in contradictions("layout_detection", facts)]


@pytest.mark.parametrize(
    ("inputs", "bound"),
    [
        (INPUTS, {"image": "image", "scale_factor": "scale_factor"}),
        ({"scale_factor": PAIR, "image": IMAGE}, {"image": "image", "scale_factor": "scale_factor"}),
        (
            {"im_shape": PAIR, **INPUTS},
            {"image": "image", "scale_factor": "scale_factor", "im_shape": "im_shape"},
        ),
        # By shape, where only one can be it.
        ({"x": IMAGE, "y": PAIR}, {"image": "x", "scale_factor": "y"}),
        ({"x": IMAGE, "scale_factor": PAIR}, {"image": "x", "scale_factor": "scale_factor"}),
        ({"image": IMAGE, "s": ("float32", [None, 2])}, {"image": "image", "scale_factor": "s"}),
    ],
)
def test_inputs_are_found_by_name_or_else_by_shape(inputs: Any, bound: Any) -> None:
    contract = tasks.find("layout_detection")
    assert contract is not None
    assert bind_inputs(contract, inputs) == bound
    assert told(inputs) == []


@pytest.mark.parametrize(
    "inputs",
    [
        {"image": IMAGE},
        {"scale_factor": PAIR},
        # Which of the two is which?
        {"image": IMAGE, "a": PAIR, "b": PAIR},
        {**INPUTS, "threshold": ("float32", [1])},
        {"x": ("float32", None), "y": ("float32", None)},
    ],
)
def test_an_input_that_is_missing_or_could_be_several_is_told(inputs: Any) -> None:
    (line,) = told(inputs)
    assert f"takes {len(inputs)} input" in line
    assert "image (float32 [N, 3, H, W]) and scale_factor (float32 [N, 2])" in line
    assert "by these names, or by their shapes" in line


def test_outputs_are_found_by_their_order() -> None:
    contract = tasks.find("layout_detection")
    assert contract is not None
    assert bind_outputs(contract, ["p", "q", "masks"]) == {"boxes": "p", "counts": "q"}
    with pytest.raises(BindError, match=r"gives 1 output \(p\), and the task takes boxes .* and counts"):
        bind_outputs(contract, ["p"])


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({"boxes": ("float32", ["K", 6])}, "gives 1 output (boxes)"),
        ({**OUTPUTS, "boxes": ("float32", ["K", 5])}, "first output `boxes` is float32 [K, 5], and the task takes"),
        ({**OUTPUTS, "boxes": ("float32", ["K", 4, 6])}, "[K, 6 or 7 or 8 or 10]"),
        ({**OUTPUTS, "count": ("float32", [1])}, "second output `count` is float32, and the task takes int32 or int64"),
        ({**OUTPUTS, "boxes": ("float32", ["K", 8])}, None),
        ({**OUTPUTS, "count": ("int64", ["N"])}, None),
        ({**OUTPUTS, "boxes": ("float32", None)}, None),
        ({**OUTPUTS, "masks": ("int32", ["K", 9, 9])}, None),
    ],
)
def test_outputs_that_are_no_boxes_are_told(outputs: Any, reason: str | None) -> None:
    found = told(outputs=outputs)
    assert (found == []) if reason is None else (len(found) == 1 and reason in found[0])


@pytest.mark.parametrize(
    ("settings", "operations", "reason"),
    [
        ({}, [SIZED], None),
        ({}, [RESIZE], "Resize.target_size of inference.yml gives height 32 and width 48"),
        ({}, [{**RESIZE, "keep_ratio": True}], "the pictures get sizes of their own"),
        ({}, [{**RESIZE, "keep_ratio": True}, {"type": "Pad", "size": [800, 608]}], None),
        ({"img_size": [800, 608]}, [RESIZE], None),
        ({"img_size": 640}, [RESIZE], "img_size: the model's input `image` has a height of 800 and a width of 608"),
        ({"img_size": [608, 800]}, [RESIZE], "write `img_size: [800, 608]`"),
        ({"img_size": [3, 800, 608]}, [RESIZE], "`img_size` must be [height, width], not [3, 800, 608]"),
        ({"img_size": 0}, [RESIZE], "`img_size` must be [height, width]"),
    ],
)
def test_sizes_that_the_model_fixes_must_be_those_that_pictures_get(
    settings: Any, operations: Any, reason: str | None
) -> None:
    found = told(settings=settings, config={**CONFIG, "Preprocess": [*operations, NORMALIZE, PERMUTE]})
    assert (found == []) if reason is None else (len(found) == 1 and reason in found[0])


def test_a_batch_of_more_than_one_needs_a_model_that_takes_it() -> None:
    (line,) = told(batch_size=2)
    assert "takes one picture at a time, and `batch_size` is 2" in line


@pytest.mark.parametrize("name", ["threshold", "layout_unclip_ratio", "layout_merge_bboxes_mode"])
def test_a_setting_for_a_class_that_the_model_does_not_have_is_told(name: str) -> None:
    facts = Facts(INPUTS, OUTPUTS, processing(CONFIG), {name: {"0": 1, "1": 1}}, 1)
    assert idle_settings("layout_detection", facts) == []
    (item,) = idle_settings("layout_detection", replace(facts, settings={name: {"1": 1, "99": 1}}))
    assert (item.where, item.message) == (
        name,
        f"`{name}` names the class 99, and inference.yml lists 2 in label_list, from 0",
    )


@pytest.mark.parametrize("key", ["text", "-1", "9" * 5000, True])
def test_what_is_no_number_of_a_class_names_none_or_one_that_is_not_there(key: Any) -> None:
    found = idle_settings("layout_detection", Facts(INPUTS, OUTPUTS, processing(CONFIG), {"threshold": {key: 0.5}}, 1))
    assert [item.where for item in found] == ["threshold"] * (key == "9" * 5000)


STRIDE = {"type": "PadStride", "stride": 32}

ODD = [
    (lambda c: c.update(Preprocess=None), "has no usable Preprocess"),
    (lambda c: c.update(Preprocess=[{"Resize": {}}]), "has no usable Preprocess"),
    (
        lambda c: c["Preprocess"].append({"type": "LetterBoxResize"}),
        "asks for LetterBoxResize; known here: Permute, Resize",
    ),
    (lambda c: c["Preprocess"][0].update(interp=7), "Resize.interp must be at most 4"),
    (lambda c: c["Preprocess"][0].pop("target_size"), "Resize.target_size must be a list of 2 whole numbers"),
    (lambda c: c["Preprocess"][0].update(size=3), "Resize has no argument size"),
    (lambda c: c["Preprocess"][1].update(norm_type="MEAN_STD"), "norm_type must be `mean_std` or `none`"),
    (lambda c: c["Preprocess"][1].update(std=[1, 0, 1]), "must hold no 0"),
    (lambda c: c["Preprocess"][2].update(to_bgr=True), "Permute has no argument to_bgr"),
    (lambda c: c.pop("label_list"), "label_list must be a list"),
    (lambda c: c.update(draw_threshold="much"), "draw_threshold must be a number"),
    (lambda c: c["Preprocess"].pop(2), "does not name Permute"),
    (lambda c: c["Preprocess"].append(PERMUTE), "names Permute 2 times"),
    (lambda c: c["Preprocess"].insert(1, NORMALIZE), "names NormalizeImage 2 times"),
    (lambda c: c["Preprocess"].reverse(), "has NormalizeImage behind the operation that puts channels first"),
    (lambda c: c["Preprocess"].insert(0, STRIDE), "has PadStride before the operation that puts channels first"),
    (lambda c: c["Preprocess"].append({"type": "PadStride", "stride": 10**9}), "stride must be at most 16384"),
    (lambda c: c["Preprocess"].insert(1, {"type": "Pad", "size": [800, 600]}), "Pad.size must hold Resize.target_size"),
    (lambda c: c["Preprocess"][0].update(target_size=[10**9, 608]), "list of 2 whole numbers from 1 to 16384"),
    (lambda c: c.update(layout_unclip_ratio="wide"), "layout_unclip_ratio must be of type number or list or mapping"),
    (lambda c: c.update(layout_unclip_ratio=[1, 0]), "layout_unclip_ratio must be more than 0"),
    (lambda c: c.update(layout_unclip_ratio={0: -1}), "layout_unclip_ratio must be more than 0 for the class 0"),
    (lambda c: c.update(layout_merge_bboxes_mode="most"), "layout_merge_bboxes_mode must be `large` or `small`"),
    (lambda c: c.update(layout_merge_bboxes_mode={-1: "large"}), "by the numbers of classes, and `-1` is none"),
]


@pytest.mark.fault("models and their inference.yml that contradict the task")
@pytest.mark.parametrize(("edit", "reason"), ODD, ids=[item[1] for item in ODD])
def test_an_inference_yml_that_no_detector_can_use_is_told(edit: Any, reason: str) -> None:
    config = copy.deepcopy(CONFIG)
    edit(config)
    assert any(reason in line for line in told(config=config))
