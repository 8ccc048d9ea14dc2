"""Tiny models for the tasks of PaddleX's pipelines: the right inputs and outputs, and answers that depend on the input.

``lay_out`` writes a folder for each model name, as PaddleX exports them. What a network would have learned is replaced
by means of the picture, so that a wrong input gives a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import numpy_helper, parser

Values = Mapping[str, Any]
_GENERATOR = 7
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# A page on which detectors find something of every kind.
LAYOUT = [
    "text",
    "table",
    "formula",
    "seal",
    "doc_title",
    "image",
    "chart",
    "paragraph_title",
    "figure_title",
    "number",
]


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(_GENERATOR).normal(size=shape).astype(np.float32)


def write(folder: Path, inputs: str, outputs: str, body: str, values: Values, config: Values) -> None:
    """Write a model in ONNX's own notation, with its constants, and its ``inference.yml``."""
    folder.mkdir(parents=True)
    text = f'<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => ({outputs}) {{ {body} }}'
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in values.items())
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "inference.onnx"))
    told = {"Global": {"model_name": folder.name}, **config}
    (folder / "inference.yml").write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _operations(width: int, height: int, **resize: Any) -> list[Any]:
    normalize = {"channel_num": 3, "mean": MEAN, "std": STD, "order": "", "scale": 1 / 255}
    return [{"ResizeImage": {"size": [width, height], **resize}}, {"NormalizeImage": normalize}, {"ToCHWImage": None}]


def classifier(folder: Path, labels: Sequence[str], width: int = 224, height: int = 224) -> None:
    """One class a picture, by its mean colour."""
    _classes(folder, labels, width, height, "Softmax", {"Topk": {"topk": min(5, len(labels)), "label_list": [*labels]}})


def multilabel(folder: Path, labels: Sequence[str], width: int = 448, height: int = 448) -> None:
    """Several labels a picture, by its mean colour."""
    after = {"MultiLabelThreshOutput": {"threshold": 0.5, "label_list": [*labels]}}
    _classes(folder, labels, width, height, "Sigmoid", after)


def describer(folder: Path, size: int, flat: int = 16) -> None:
    """A vector for a picture, of its mean colours in a few places."""
    config: Values = {
        "PreProcess": {"transform_ops": _operations(size, size)},
        "PostProcess": {"NormalizeFeatures": None},
    }
    step = size // 4
    write(
        folder,
        f"float[N,3,{size},{size}] x",
        f"float[N,{flat}] feature",
        f"p = AveragePool <kernel_shape=[{step},{step}], strides=[{step},{step}]> (x)\n f = Flatten (p)\n"
        " feature = MatMul (f, w)",
        {"w": _random(48, flat)},
        config,
    )


def _classes(folder: Path, labels: Sequence[str], width: int, height: int, end: str, after: Values) -> None:
    count = len(labels)
    write(
        folder,
        f"float[N,3,{height},{width}] x",
        f"float[N,{count}] scores",
        f"m = ReduceMean <axes=[2,3], keepdims=0> (x)\n y = MatMul (m, w)\n scores = {end} (y)",
        {"w": _random(3, count) * 2},
        {"PreProcess": {"transform_ops": _operations(width, height)}, "PostProcess": after},
    )


def detector(
    folder: Path,
    boxes: Sequence[Sequence[float]],
    labels: Sequence[str],
    size: int = 160,
    has_size: bool = False,
    masks: int = 0,
) -> None:
    """Boxes that move a little with the picture; some architectures are also told its size, or give masks of a size."""
    columns = len(boxes[0])
    sizes = "float[N,2] im_shape, " if has_size else ""
    also = "im_shape" if has_size else "scale_factor"
    body = f"""
        p = ReduceMean <keepdims=0> (image)
        s = ReduceMean <keepdims=0> (scale_factor)
        q = ReduceMean <keepdims=0> ({also})
        sum = Sum (p, s, q)
        moved = Mul (sum, little)
        shift = Mul (moved, mask)
        one_picture = Add (boxes_of_one, shift)
        shape = Shape <start=0, end=1> (image)
        times = Concat <axis=0> (shape, one)
        boxes = Tile (one_picture, times)
        counts = Expand (count, shape)
    """
    mask = np.array([[0, 0] + [1] * (columns - 2)], np.float32)
    values: dict[str, Any] = {
        "boxes_of_one": np.array(boxes, np.float32),
        "mask": mask,
        "count": np.array([len(boxes)], np.int32),
        "one": np.array([1]),
        "little": np.float32(1e-3),
    }
    before = [
        {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [size, size]},
        {"type": "NormalizeImage", "mean": MEAN, "std": STD, "is_scale": True},
        {"type": "Permute"},
    ]
    config = {"Preprocess": before, "draw_threshold": 0.5, "label_list": [*labels], "arch": "DETR"}
    inputs = f"{sizes}float[N,3,{size},{size}] image, float[N,2] scale_factor"
    outputs = f"float[K,{columns}] boxes, int32[N] counts"
    if masks:
        outputs += ", int32[K,A,B] masks"
        body += "all_times = Concat <axis=0> (times, one)\n masks = Tile (masks_of_one, all_times)"
        shapes = np.zeros((len(boxes), masks, masks), np.int32)
        for shape, box in zip(shapes, boxes, strict=True):
            left, top, right, bottom = (int(side) for side in box[2:6])
            shape[top:bottom, left:right] = 1
        values["masks_of_one"] = shapes
    write(folder, inputs, outputs, body, values, config)


def segmenter(folder: Path) -> None:
    """What is brighter than the mean is of another class."""
    write(
        folder,
        "float[N,3,H,W] x",
        "int32[N,H,W] classes",
        "m = ReduceMean <axes=[1], keepdims=0> (x)\n b = Greater (m, zero)\n classes = Cast <to=6> (b)",
        {"zero": np.float32(0)},
        {"Deploy": {"transforms": [{"type": "Normalize", "mean": MEAN, "std": STD}]}},
    )


def anomalies(folder: Path) -> None:
    """A score for each pixel."""
    before = [{"type": "Resize", "target_size": [64, 64]}, {"type": "Normalize", "mean": MEAN, "std": STD}]
    write(
        folder,
        "float[N,3,H,W] x",
        "float[N,1,H,W] scores",
        "m = ReduceMean <axes=[1], keepdims=1> (x)\n scores = Mul (m, c)",
        {"c": np.float32(0.02)},
        {"Deploy": {"transforms": before}},
    )


def keypoints(folder: Path) -> None:
    """Seventeen points of a person, where the picture has most of a colour."""
    before = [
        {"type": "TopDownEvalAffine", "trainsize": [96, 128]},
        {"type": "NormalizeImage", "mean": MEAN, "std": STD, "is_scale": True},
        {"type": "Permute"},
    ]
    write(
        folder,
        "float[N,3,128,96] image",
        "float[N,17,32,24] heat, int64[N,17] places",
        "p = AveragePool <kernel_shape=[4,4], strides=[4,4]> (image)\n heat = Conv (p, w)\n"
        " flat = Reshape (heat, shape)\n places = ArgMax <axis=2, keepdims=0> (flat)",
        {"w": np.abs(_random(17, 3, 1, 1)), "shape": np.array([0, 17, -1])},
        {"Preprocess": before, "label_list": ["keypoint"], "arch": "PP-TinyPose"},
    )


def forecast(folder: Path, length: int = 96, ahead: int = 24) -> None:
    """Continues a series by weighing what was."""
    config = {
        "size": {"in_chunk_len": length, "out_chunk_len": ahead},
        "info_params": {"target_cols": ["OT"], "time_col": "date", "freq": "h"},
        "input_data": {"past_target": [-1, length, 1]},
    }
    write(
        folder,
        f"float[N,{length},1] past_target",
        f"float[N,{ahead},1] y",
        "t = Transpose <perm=[0,2,1]> (past_target)\n z = MatMul (t, w)\n y = Transpose <perm=[0,2,1]> (z)",
        {"w": _random(length, ahead)},
        config,
    )


def unusual(folder: Path, length: int = 96) -> None:
    """Moments that it does not repeat well are unusual."""
    config = {
        "size": {"in_chunk_len": length},
        "model_threshold": 0.02,
        "info_params": {"target_cols": ["a", "b"], "time_col": "date", "freq": "h"},
        "input_data": {"past_target": [-1, length, 2]},
    }
    body = "y = Mul (past_target, c)"
    shape = f"float[N,{length},2]"
    write(folder, f"{shape} past_target", f"{shape} y", body, {"c": np.float32(0.9)}, config)


def kinds_of_series(folder: Path, length: int = 96) -> None:
    """What kind a series is."""
    config = {
        "size": {"in_chunk_len": length},
        "info_params": {"target_cols": ["a"], "group_id": "group_id", "time_col": "time", "freq": 1},
        "input_data": {"features": [-1, length, 1], "pad_mask": [-1, length]},
    }
    write(
        folder,
        f"float[N,{length},1] features, float[N,{length}] pad_mask",
        "float[N,4] y",
        "f = Flatten (features)\n q = Add (f, pad_mask)\n y = MatMul (q, w)",
        {"w": _random(length, 4)},
        config,
    )


def unwarping(folder: Path) -> None:
    """A page that comes back a little darker."""
    config: Values = {"PreProcess": {"transform_ops": []}}
    write(folder, "float[N,3,H,W] image", "float[N,3,H,W] y", "y = Mul (image, c)", {"c": np.float32(0.9)}, config)


_TWO = [[0, 0.9, 20, 30, 200, 220], [1, 0.8, 100, 50, 300, 260], [0, 0.2, 0, 0, 50, 50]]
_TURNED = [[0, 0.9, 20, 20, 120, 30, 110, 90, 10, 80]]

MAKERS: dict[str, Any] = {
    "PP-LCNet_x0_5": lambda place: classifier(place, [f"class {number}" for number in range(20)]),
    "PP-LCNet_x1_0_doc_ori": lambda place: classifier(place, ["0", "90", "180", "270"]),
    "PP-LCNet_x1_0_textline_ori": lambda place: classifier(place, ["0_degree", "180_degree"], 160, 80),
    "PP-HGNetV2-B6_ML": lambda place: multilabel(place, [f"thing {number}" for number in range(12)]),
    "PP-LCNet_x1_0_pedestrian_attribute": lambda place: multilabel(
        place, [f"attribute {number}(属性)" for number in range(26)], 192, 256
    ),
    "PP-LCNet_x1_0_vehicle_attribute": lambda place: multilabel(
        place, [f"attribute {number}(属性)" for number in range(19)], 256, 192
    ),
    "PicoDet-S": lambda place: detector(place, _TWO, ["cat", "dog"]),
    "PP-YOLOE_plus_SOD-L": lambda place: detector(place, _TWO, ["cat", "dog"]),
    "PP-YOLOE-L_human": lambda place: detector(place, _TWO, ["pedestrian", "other"]),
    "PP-YOLOE-S_human": lambda place: detector(place, _TWO, ["pedestrian", "other"]),
    "PP-YOLOE-L_vehicle": lambda place: detector(place, _TWO, ["vehicle", "other"]),
    "PP-YOLOE-R-L": lambda place: detector(place, _TURNED, ["plane"]),
    "PP-ShiTuV2_det": lambda place: detector(place, _TWO, ["thing", "other"]),
    "PP-ShiTuV2_rec": lambda place: describer(place, 224),
    "PP-YOLOE_plus-S_face": lambda place: detector(place, _TWO, ["face", "other"]),
    "ResNet50_face": lambda place: describer(place, 112),
    "Mask-RT-DETR-S": lambda place: detector(place, _TWO, ["cat", "dog"], has_size=True, masks=480),
    "PP-LiteSeg-T": segmenter,
    "STFPM": anomalies,
    "PP-TinyPose_128x96": keypoints,
    "DLinear": forecast,
    "DLinear_ad": unusual,
    "TimesNet_cls": kinds_of_series,
}


def lay_out(folder: Path, more: Mapping[str, Any]) -> Path:
    """Write every model."""
    for name, make in {**MAKERS, **more}.items():
        make(folder / name)
    return folder
