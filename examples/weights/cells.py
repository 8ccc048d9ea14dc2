"""A detector of the cells of tables: the corners that SLANet_plus says of each cell, as boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto

from weights.graph import Writer, value

_SIDE = 488
# What of SLANet_plus's marks stands for a cell, and what ends the table.
_CELLS, _END = (7, 48), 49
# Its network sees blue first, and detectors get red first.
_CONFIG: dict[str, Any] = {
    "mode": "paddle",
    "draw_threshold": 0.5,
    "metric": "COCO",
    "use_dynamic_shape": False,
    "arch": "DETR",
    "min_subgraph_size": 3,
    "Preprocess": [
        {"type": "Resize", "target_size": [_SIDE, _SIDE], "keep_ratio": True, "interp": 1},
        {
            "type": "NormalizeImage",
            "norm_type": "mean_std",
            "mean": [0.406, 0.456, 0.485],
            "std": [0.225, 0.224, 0.229],
            "is_scale": True,
        },
        {"type": "Permute"},
        {"type": "PadStride", "stride": _SIDE},
    ],
    "label_list": ["cell"],
}


def lay_out(structure: Path, folder: Path) -> None:
    """Write the folder of a detector, named as its model.

    Args:
        structure: the ONNX model of SLANet_plus, which takes pictures one by one.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_made(onnx.load(str(structure))), str(folder / "inference.onnx"))
    config = {**_CONFIG, "Global": {"model_name": folder.name}}
    (folder / "inference.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def _made(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = model.graph
    corners, chances = (output.name for output in graph.output)
    seen = graph.input[0].name
    write = Writer("cells.")
    axis = write.constant([0])
    said, where = write.add("Squeeze", chances, axis), write.add("Squeeze", corners, axis)
    best = write.add("ArgMax", said, axis=1, keepdims=0)
    score = write.add("ReduceMax", said, axes=[1], keepdims=0)
    is_cell = write.add("Or", *(write.add("Equal", best, write.constant(mark)) for mark in _CELLS))
    is_end = write.add("Cast", write.add("Equal", best, write.constant(_END)), to=TensorProto.INT64)
    is_before = write.add("Equal", write.add("CumSum", is_end, write.constant(0)), write.constant(0))
    places = write.add("Squeeze", write.add("NonZero", write.add("And", is_cell, is_before)), axis)
    points = write.add("Mul", write.add("Gather", where, places, axis=0), write.constant(_SIDE, np.float32))
    sides = [
        write.add(reduce, write.add("Gather", points, write.constant(range(first, 8, 2)), axis=1), axes=[1], keepdims=1)
        for reduce in ("ReduceMin", "ReduceMax")
        for first in (0, 1)
    ]
    # The factor comes as height and width.
    factor = write.add("Gather", "scale_factor", write.constant([1, 0, 1, 0]), axis=1)
    boxes = write.add("Div", write.add("Concat", *sides, axis=1), factor)
    column = write.add("Unsqueeze", write.add("Gather", score, places, axis=0), write.constant([1]))
    number = write.add("Mul", column, write.constant(0, np.float32))
    write.named(write.add("Concat", number, column, boxes, axis=1), "boxes")
    write.named(write.add("Cast", write.add("Shape", places), to=TensorProto.INT32), "count")
    _take_red_first(graph, seen)
    graph.node.extend(write.nodes)
    graph.initializer.extend(write.constants)
    del graph.input[:], graph.output[:]
    # Models of this name are told the size first; it is not looked at.
    graph.input.append(value("im_shape", TensorProto.FLOAT, [1, 2]))
    graph.input.append(value("image", TensorProto.FLOAT, [1, 3, "H", "W"]))
    graph.input.append(value("scale_factor", TensorProto.FLOAT, [1, 2]))
    graph.output.append(value("boxes", TensorProto.FLOAT, ["K", 6]))
    graph.output.append(value("count", TensorProto.INT32, [1]))
    return model


def _take_red_first(graph: onnx.GraphProto, seen: str) -> None:
    order = onnx.numpy_helper.from_array(np.array([2, 1, 0], np.int64), "cells.order")
    graph.initializer.append(order)
    graph.node.insert(0, onnx.helper.make_node("Gather", ["image", order.name], [seen], axis=1))
