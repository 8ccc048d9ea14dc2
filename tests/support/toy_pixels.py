"""Models without weights that say something of pixels and joints: what they say depends on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper
from weights.graph import Writer, value

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_JOINTS = 17


def segmenter(folder: Path, resize: dict[str, Any] | None = None) -> Path:
    """The class of a pixel is how bright it is, in four steps."""
    write = Writer("v")
    bright = write.add("Clip", write.add("ReduceMean", "image", axes=[1], keepdims=0), *_bounds(write, -1.5, 1.5))
    steps = write.add("Floor", write.add("Add", bright, write.constant(1.7, np.float32)))
    write.named(write.add("Cast", steps, to=TensorProto.INT32), "labels")
    steps_before = [] if resize is None else [{"type": "Resize", **resize}]
    deploy = {"transforms": [*steps_before, {"type": "Normalize", "mean": MEAN, "std": STD}]}
    outputs = [value("labels", TensorProto.INT32, ["N", "H", "W"])]
    return _lay_out(folder, write, ["N", 3, "H", "W"], outputs, {"Deploy": deploy})


def anomalies(folder: Path) -> Path:
    """A pixel is unusual as far as it is bright."""
    write = Writer("v")
    bright = write.add("ReduceMean", "image", axes=[1], keepdims=1)
    write.named(write.add("Mul", bright, write.constant(0.05, np.float32)), "scores")
    steps = [{"type": "Resize", "target_size": [96, 64]}, {"type": "Normalize", "mean": 0.5, "std": 0.5}]
    outputs = [value("scores", TensorProto.FLOAT, ["N", 1, 64, 96])]
    return _lay_out(folder, write, ["N", 3, 64, 96], outputs, {"Deploy": {"transforms": steps}})


def joints(folder: Path, is_unbiased: bool = False) -> Path:
    """Each joint is where another mixture of colours, seen through a window, is strongest."""
    write = Writer("v")
    rng = np.random.default_rng(5)
    window = write.add("AveragePool", "image", kernel_shape=[8, 8], strides=[4, 4], pads=[2, 2, 2, 2])
    mixed = write.add(
        "Conv", window, write.constant(rng.normal(0, 0.05, (_JOINTS, 3, 5, 5)), np.float32), pads=[2, 2, 2, 2]
    )
    write.named(write.add("Sigmoid", mixed), "heatmaps")
    flat = write.add("Reshape", "heatmaps", write.constant([0, _JOINTS, -1]))
    write.named(write.add("ArgMax", flat, axis=2, keepdims=0), "places")
    affine: dict[str, Any] = {"type": "TopDownEvalAffine", "trainsize": [96, 128]}
    affine |= {"use_udp": True} if is_unbiased else {}
    normalize = {"type": "NormalizeImage", "mean": MEAN, "std": STD, "is_scale": True}
    outputs = [
        value("heatmaps", TensorProto.FLOAT, ["N", _JOINTS, 32, 24]),
        value("places", TensorProto.INT64, ["N", _JOINTS]),
    ]
    config = {"Preprocess": [affine, normalize, {"type": "Permute"}], "label_list": ["keypoint"], "arch": "HRNet"}
    return _lay_out(folder, write, ["N", 3, 128, 96], outputs, config)


def outliner(folder: Path, boxes: Sequence[Sequence[float]], labels: Sequence[str]) -> Path:
    """Boxes as they are given (class, score, corners), and of each mask what is brighter than the picture's middle.

    The masks are as large as the picture, which the network sees at half its size.
    """
    write = Writer("v")
    bright = write.add("ReduceMean", "image", axes=[1], keepdims=1)
    scale = write.constant([1, 1, 2, 2], np.float32)
    empty = write.constant([], np.float32)
    large = write.add(
        "Resize",
        bright,
        empty,
        scale,
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    is_bright = write.add("Cast", write.add("Greater", large, write.constant(0, np.float32)), to=TensorProto.INT32)
    plane = write.add("Squeeze", is_bright, write.constant([1]))
    times = write.constant([len(boxes), 1, 1])
    write.named(write.add("Tile", plane, times), "masks")
    # All inputs are read, so that none of them is left out when the model is loaded.
    nothing = write.add("Mul", write.add("ReduceSum", "scale_factor", keepdims=0), write.constant(0, np.float32))
    more = write.add("Mul", write.add("ReduceSum", "im_shape", keepdims=0), write.constant(0, np.float32))
    told = write.add("Add", write.constant(np.array(boxes).reshape(-1, 6), np.float32), write.add("Add", nothing, more))
    write.named(told, "boxes")
    write.named(write.add("Identity", write.constant([len(boxes)], np.int32)), "counts")
    normalize = {"type": "NormalizeImage", "mean": MEAN, "std": STD, "is_scale": True}
    resize = {"type": "Resize", "target_size": [60, 80], "keep_ratio": False, "interp": 1}
    config = {
        "Preprocess": [resize, normalize, {"type": "Permute"}],
        "draw_threshold": 0.5,
        "label_list": list(labels),
        "arch": "MaskRCNN",
    }
    outputs = [
        value("boxes", TensorProto.FLOAT, ["K", 6]),
        value("counts", TensorProto.INT32, [1]),
        value("masks", TensorProto.INT32, ["K", "A", "B"]),
    ]
    told_sizes = [value("im_shape", TensorProto.FLOAT, [1, 2]), value("scale_factor", TensorProto.FLOAT, [1, 2])]
    return _lay_out(folder, write, [1, 3, 60, 80], outputs, config, told_sizes)


def _bounds(write: Writer, low: float, high: float) -> list[str]:
    return [write.constant(low, np.float32), write.constant(high, np.float32)]


def _lay_out(
    folder: Path, write: Writer, dims: Sequence[Any], outputs: Sequence[Any], config: dict[str, Any], more: Any = ()
) -> Path:
    image = value("image", TensorProto.FLOAT, dims)
    inputs = [*more[:1], image, *more[1:]]
    graph = helper.make_graph(write.nodes, "toy", inputs, outputs, write.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "inference.onnx"))
    told = {"Global": {"model_name": folder.name}, **config}
    (folder / "inference.yml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    return folder
