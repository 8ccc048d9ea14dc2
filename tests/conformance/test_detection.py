"""Detectors against PaddleX's own, on the same folders and pictures: trained ones, and toys that say anything."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.conftest import HERE, PYTHON
from hpi_runtime import create_pipeline
from support import toy_detectors, trained
from support.toy_detectors import NORMALIZE, PERMUTE, RESIZE

Predict = Callable[[Sequence[Mapping[str, Any]]], list[Any]]

LAYOUT, FACE = "PicoDet_layout_1x", "PicoDet_LCNet_x2_5_face"
TASKS = {LAYOUT: "layout_detection", FACE: "face_detection"}
# A model that PaddleX lets change its size, and one that it also tells the size.
FREE, TOLD = "PP-YOLOE_plus-S_face", "BlazeFace"


@pytest.fixture(scope="session")
def paddlex() -> Predict:
    """Asks PaddleX for predictions, in one process."""
    if not PYTHON.is_file():
        pytest.skip("PaddleX is not installed; `make test` does it")

    def answers(questions: Sequence[Mapping[str, Any]]) -> list[Any]:
        lines = "\n".join(map(json.dumps, questions))
        command = [str(PYTHON), "-m", "conformance.predict_paddlex"]
        done = subprocess.run(command, input=lines, cwd=HERE.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return answers


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A page, a portrait and noise; PNG, which all decode alike."""
    folder = tmp_path_factory.mktemp("pictures")
    images = {"page": trained.page(), "portrait": trained.portrait(), "noise": trained.noise(61, 87)}
    for name, image in images.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return [str(folder / f"{name}.png") for name in images]


def question(folder: Path, settings: Mapping[str, Any], pictures: Sequence[str], **more: Any) -> dict[str, Any]:
    name = yaml.safe_load((folder / "inference.yml").read_text())["Global"]["model_name"]
    return {"model_name": name, "model_dir": str(folder), "settings": settings, "pictures": list(pictures), **more}


def ours(asked: Mapping[str, Any]) -> list[Any]:
    """Return the boxes of our pipeline of the same model."""
    folder = Path(asked["model_dir"])
    task = TASKS.get(asked["model_name"], "face_detection")
    member = {"module_name": task, "model_name": asked["model_name"], "model_dir": folder.name, **asked["settings"]}
    member["batch_size"] = asked.get("batch_size", 1)
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump({"pipeline_name": "object_detection", "SubModules": {"ObjectDetection": member}}))
    with create_pipeline(path, device="cpu") as pipeline:
        found = list(pipeline.predict(asked["pictures"]))
    assert not [result["error"] for result in found if result.is_failed]
    return [result["boxes"] for result in found]


def compare(paddlex: Predict, questions: Sequence[Mapping[str, Any]], pixels: float = 1.0) -> int:
    """Compare our boxes with PaddleX's: labels and order equal, scores within 1e-4; return how many there were."""
    count = 0
    for asked, answer in zip(questions, paddlex(questions), strict=True):
        assert isinstance(answer, list), (asked, answer)
        for found, expected in zip(ours(asked), answer, strict=True):
            wanted = [(box["cls_id"], box["label"]) for box in expected["boxes"]]
            assert [(box["cls_id"], box["label"]) for box in found] == wanted, asked
            for box, other in zip(found, expected["boxes"], strict=True):
                assert box["score"] == pytest.approx(other["score"], abs=1e-4)
                assert box["coordinate"] == pytest.approx(other["coordinate"], abs=pixels), asked
            count += len(found)
    return count


# -- trained models -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (LAYOUT, {}),
        (LAYOUT, {"threshold": 0.9}),
        (LAYOUT, {"threshold": {0: 0.98, 2: 0.3}}),
        (LAYOUT, {"layout_nms": True, "layout_merge_bboxes_mode": "large", "layout_unclip_ratio": [1.1, 0.9]}),
        (FACE, {}),
        (FACE, {"threshold": 0.95}),
    ],
)
def test_trained_detectors_find_what_paddlex_finds(
    paddlex: Predict, trained_models: Path, pictures: list[str], name: str, settings: dict[str, Any]
) -> None:
    found = compare(paddlex, [question(trained_models / name, settings, pictures)])
    assert found or settings.get("threshold") == 0.95


def test_the_parts_of_a_page_are_found(trained_models: Path, pictures: list[str]) -> None:
    (boxes,) = ours(question(trained_models / LAYOUT, {}, pictures[:1]))
    assert {"figure", "table", "text"} <= {box["label"] for box in boxes}


@pytest.mark.parametrize("name", ["object_detection", "small_object_detection"])
def test_pipelines_of_detectors_give_the_results_of_paddlexs(
    paddlex: Predict, trained_models: Path, pictures: list[str], tmp_path: Path, name: str
) -> None:
    key = {"object_detection": "ObjectDetection", "small_object_detection": "SmallObjectDetection"}[name]
    (tmp_path / "model").symlink_to(trained_models / LAYOUT)
    member = {"module_name": name, "model_name": LAYOUT, "threshold": 0.5, "batch_size": 1}
    path = tmp_path / "pipeline.yaml"
    text = yaml.safe_dump({"pipeline_name": name, "SubModules": {key: {**member, "model_dir": "model"}}})
    path.write_text(text)
    # Relative folders start at the YAML's for us, where PaddleX was started for it.
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(text.replace("model_dir: model", f"model_dir: {tmp_path / 'model'}"))
    (expected,) = paddlex([{"pipeline": str(theirs), "pictures": pictures}])
    with create_pipeline(path, device="cpu") as pipeline:
        found = list(pipeline.predict(pictures))
    assert [set(result) - {"plan"} for result in found] == [set(result) for result in expected]
    for result, other in zip(found, expected, strict=True):
        assert len(result["boxes"]) == len(other["boxes"])
        for box, wanted in zip(result["boxes"], other["boxes"], strict=True):
            assert (box["cls_id"], box["label"]) == (wanted["cls_id"], wanted["label"])
            assert box["coordinate"] == pytest.approx(wanted["coordinate"], abs=1)


# -- what is decided about boxes ------------------------------------------------------------------


def crowd(seed: int, columns: int, count: int = 40) -> list[list[float]]:
    """Return boxes of all classes that overlap, hold each other, lie outside the picture, and cover it."""
    random = np.random.default_rng(seed)
    rows: list[list[float]] = []
    for place in range(count):
        left, top = random.uniform(-20, 80, 2)
        width, height = random.choice([5, 20, 60]) * random.uniform(0.5, 1.5, 2)
        corners = [left, top, left + width, top + height]
        if place % 7 == 0:
            corners = [-1, -1, 90, 65]
        if place % 5 == 0 and rows:
            corners = [side + random.uniform(-1, 1) for side in rows[-1][2:6]]
        row = [float(random.integers(-1, 4)), float(random.uniform(0.2, 1)), *corners]
        if columns == 10:
            row = [*row[:2], left, top, left + width, top, left + width, top + height, left, top + height]
        rows.append([*row, *random.permutation(100)[: columns - len(row)]])
    return rows


RULES: list[dict[str, Any]] = [
    {},
    {"threshold": 0.3},
    {"threshold": {0: 0.9, 1: 0.3}},
    {"layout_nms": True},
    {"layout_merge_bboxes_mode": "large"},
    {"layout_merge_bboxes_mode": "small"},
    {"layout_merge_bboxes_mode": "union"},
    {"layout_merge_bboxes_mode": {0: "large", 1: "small", 2: "union", 3: "large"}},
    {"layout_unclip_ratio": 1.5},
    {"layout_unclip_ratio": [1.2, 0.8]},
    {"layout_unclip_ratio": {1: [2.0, 0.5], 3: [1.1, 1.1]}},
    {"threshold": 0.25, "layout_nms": True, "layout_merge_bboxes_mode": "small", "layout_unclip_ratio": [1.1, 1.1]},
    {"threshold": {2: 0.25}, "layout_nms": True, "layout_merge_bboxes_mode": {1: "small"}},
]


@pytest.mark.parametrize("columns", [6, 7, 8, 10])
def test_what_counts_of_boxes_is_what_counts_for_paddlex(
    paddlex: Predict, pictures: list[str], tmp_path: Path, columns: int
) -> None:
    questions = []
    for seed in range(2):
        model = toy_detectors.saying(crowd(seed, columns))
        folder = toy_detectors.lay_out(tmp_path / f"toy{seed}", model, FACE)
        # PaddleX makes plain boxes of rotated ones that it widens.
        rules = [rule for rule in RULES if columns != 10 or "layout_unclip_ratio" not in rule]
        questions += [question(folder, rule, pictures[-1:]) for rule in rules]
    assert compare(paddlex, questions, pixels=1e-3) > 150


@pytest.mark.parametrize(
    "own",
    [
        {"draw_threshold": 0.8},
        {"layout_nms": True, "layout_merge_bboxes_mode": "large", "layout_unclip_ratio": [1.3, 1.3]},
    ],
)
def test_what_the_plan_leaves_open_the_model_decides(
    paddlex: Predict, pictures: list[str], tmp_path: Path, own: dict[str, Any]
) -> None:
    folder = toy_detectors.lay_out(tmp_path / "toy", toy_detectors.saying(crowd(9, 6)), FACE, **own)
    more: list[dict[str, Any]] = [{}, {"layout_nms": False}, {"threshold": 0.4}, {"layout_merge_bboxes_mode": "union"}]
    assert compare(paddlex, [question(folder, rule, pictures) for rule in more], pixels=1e-3)


def test_no_boxes_are_no_boxes(paddlex: Predict, pictures: list[str], tmp_path: Path) -> None:
    folder = toy_detectors.lay_out(tmp_path / "toy", toy_detectors.saying([[-1, 0, 0, 0, 0, 0]]), FACE)
    assert compare(paddlex, [question(folder, {}, pictures)]) == 0


# -- what the network sees ------------------------------------------------------------------------


OPERATIONS: dict[str, list[dict[str, Any]]] = {
    **{f"interp {number}": [{**RESIZE, "interp": number}, NORMALIZE, PERMUTE] for number in range(5)},
    "interp left open": [{"type": "Resize", "target_size": [32, 48]}, NORMALIZE, PERMUTE],
    "ratio": [{**RESIZE, "keep_ratio": True}, NORMALIZE, PERMUTE, {"type": "PadStride", "stride": 32}],
    "padded": [{**RESIZE, "keep_ratio": True}, {"type": "Pad", "size": [80, 80]}, NORMALIZE, PERMUTE],
    "padded blue": [
        RESIZE,
        {"type": "Pad", "size": [80, 80], "fill_value": [0, 9, 250]},
        PERMUTE,
    ],
    "not scaled": [RESIZE, {**NORMALIZE, "is_scale": False}, PERMUTE],
    "normalised first": [NORMALIZE, {**RESIZE, "interp": 1}, PERMUTE],
    "norm_type": [RESIZE, {**NORMALIZE, "norm_type": "mean_std"}, PERMUTE],
    "means of ImageNet": [RESIZE, {"type": "NormalizeImage"}, PERMUTE],
    "bare": [RESIZE, PERMUTE],
    "as it is": [NORMALIZE, PERMUTE],
    "affine, its size": [{"type": "WarpAffine"}, NORMALIZE, PERMUTE],
    "affine, a size": [{"type": "WarpAffine", "keep_res": False, "input_h": 64, "input_w": 96}, NORMALIZE, PERMUTE],
}


@pytest.mark.full
def test_the_network_sees_what_paddlexs_sees(paddlex: Predict, pictures: list[str], tmp_path: Path) -> None:
    questions = []
    for place, (_, operations) in enumerate(OPERATIONS.items()):
        for name, size in ((FREE, "scale_factor"), (TOLD, "im_shape")):
            folder = tmp_path / f"toy{place}-{size}"
            toy_detectors.lay_out(folder, toy_detectors.echoing(size), name, operations)
            questions.append(question(folder, {}, pictures))
            questions += [question(folder, {"img_size": given}, pictures) for given in (64, [40, 72])]
    assert compare(paddlex, questions, pixels=2e-3) > 1000


def test_pictures_share_batches_where_they_have_one_size(paddlex: Predict, pictures: list[str], tmp_path: Path) -> None:
    rows = crowd(3, 6, 30)
    folder = toy_detectors.lay_out(tmp_path / "toy", toy_detectors.saying(rows, [7, 0, 23]), FACE)
    assert compare(paddlex, [question(folder, {}, pictures, batch_size=3)], pixels=1e-3) > 5
