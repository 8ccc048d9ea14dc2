"""Detectors without weights: they say what they were told to, or what they were fed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper
from weights.graph import Writer, value

LABELS = ["image", "text", "formula", "table"]
RESIZE = {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [32, 48]}
NORMALIZE = {
    "type": "NormalizeImage",
    "is_scale": True,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
PERMUTE = {"type": "Permute"}


def lay_out(folder: Path, model: onnx.ModelProto, name: str, operations: Sequence[Any] = (), **own: Any) -> Path:
    """Write a model folder."""
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "inference.onnx"))
    config = {
        "mode": "paddle",
        "draw_threshold": 0.5,
        "Global": {"model_name": name},
        "Preprocess": list(operations) or [RESIZE, NORMALIZE, PERMUTE],
        "label_list": LABELS,
        **own,
    }
    (folder / "inference.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return folder


def saying(boxes: Any, counts: Sequence[int] | None = None) -> onnx.ModelProto:
    """Return a detector that gives these boxes for whatever picture; ``counts`` is how many each of a batch has."""
    array = np.array(boxes, np.float32)
    write = Writer("v")
    # Inputs that nothing reads are taken out of a graph.
    nothing = write.add("Mul", write.add("ReduceSum", "scale_factor", keepdims=0), write.constant(0, np.float32))
    nothing = write.add(
        "Add", nothing, write.add("Mul", write.add("ReduceSum", "image", keepdims=0), write.constant(0, np.float32))
    )
    write.named(write.add("Add", write.constant(array, np.float32), nothing), "boxes")
    write.named(write.constant([len(array)] if counts is None else counts, np.int32), "count")
    return _model(write, array.shape[1], "N")


def echoing(size: str = "im_shape") -> onnx.ModelProto:
    """Return a detector whose boxes say what it was fed: sums of the picture with waves, the factors, the sizes."""
    write = Writer("v")
    rows = []
    flat = write.add("Reshape", "image", write.constant([1, -1]))
    count = write.add("Gather", write.add("Shape", flat), write.constant([1]), axis=0)
    place = write.add("Range", write.constant(0), write.add("Squeeze", count), write.constant(1))
    place = write.add("Cast", place, to=TensorProto.FLOAT)
    for wave in (0.0, 0.013, 0.37, 1.9):
        weights = write.add("Cos", write.add("Mul", place, write.constant(wave, np.float32)))
        mean = write.add("ReduceMean", write.add("Mul", flat, weights), keepdims=0)
        rows.append(write.add("Mul", write.add("Abs", mean), write.constant(10, np.float32)))
    for name, factor in (("scale_factor", 50), (size, 0.5)):
        both = write.add("Squeeze", write.add("Mul", name, write.constant(factor, np.float32)), write.constant([0]))
        rows += write.several("Split", 2, both, axis=0)
    boxes = []
    for row in rows:
        corner = write.add("Add", write.add("Reshape", row, write.constant([1, 1])), write.constant([[1]], np.float32))
        begin = write.constant([[0, 0.9, 0, 0]], np.float32)
        boxes.append(write.add("Concat", begin, corner, corner, axis=1))
    write.named(write.add("Concat", *boxes, axis=0), "boxes")
    write.named(write.constant([len(boxes)], np.int32), "count")
    return _model(write, 6, 1, size)


def _model(write: Writer, columns: int, batch: int | str, size: str = "") -> onnx.ModelProto:
    inputs = [
        value("image", TensorProto.FLOAT, [batch, 3, "H", "W"]),
        value("scale_factor", TensorProto.FLOAT, [batch, 2]),
    ]
    if size == "im_shape":
        inputs.insert(0, value("im_shape", TensorProto.FLOAT, [batch, 2]))
    outputs = [value("boxes", TensorProto.FLOAT, ["K", columns]), value("count", TensorProto.INT32, ["B"])]
    graph = helper.make_graph(write.nodes, "toy", inputs, outputs, write.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
