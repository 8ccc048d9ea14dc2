"""Faces: MediaPipe's BlazeFace (arxiv.org/abs/1907.05047), decoded and brought into PaddleX's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from weights import tensorflow_lite
from weights.graph import Writer, detector, value

_SIZE = 128
# The stride of each head, and how many boxes it has for each cell.
_HEADS = ((8, 2), (16, 6))
_THRESHOLD, _OVERLAP = 0.3, 0.3
# Beyond this a sigmoid overflows.
_LOUDEST = 100.0

CONFIG: dict[str, Any] = {
    "mode": "paddle",
    "draw_threshold": 0.5,
    "metric": "COCO",
    "Global": {"model_name": "PicoDet_LCNet_x2_5_face"},
    "arch": "PicoDet",
    "Preprocess": [
        {"type": "Resize", "interp": 1, "keep_ratio": False, "target_size": [_SIZE, _SIZE]},
        {"type": "NormalizeImage", "norm_type": "mean_std", "is_scale": True, "mean": [0.5] * 3, "std": [0.5] * 3},
        {"type": "Permute"},
    ],
    "label_list": ["face"],
}


def make(source: Path) -> onnx.ModelProto:
    """Return the model with PaddleX's inputs and outputs."""
    write = Writer("v")
    places, loudness = tensorflow_lite.convert(source, write, "image")
    place = write.add("Slice", places, write.constant([0]), write.constant([2]), write.constant([2]))
    middle = write.add("Add", place, write.constant(_middles()[np.newaxis], np.float32))
    size = write.add("Slice", places, write.constant([2]), write.constant([4]), write.constant([2]))
    half = write.add("Div", size, write.constant(2, np.float32))
    boxes = write.add("Concat", write.add("Sub", middle, half), write.add("Add", middle, half), axis=2)
    limits = (write.constant(-_LOUDEST, np.float32), write.constant(_LOUDEST, np.float32))
    scores = write.add("Sigmoid", write.add("Clip", loudness, *limits))
    outputs = detector(write, boxes, write.add("Transpose", scores, perm=[0, 2, 1]), _THRESHOLD, _OVERLAP)
    inputs = [
        value("image", TensorProto.FLOAT, [1, 3, _SIZE, _SIZE]),
        value("scale_factor", TensorProto.FLOAT, [1, 2]),
    ]
    graph = helper.make_graph(write.nodes, "face", inputs, outputs, write.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _middles() -> np.ndarray[Any, Any]:
    """Return where each box is expected: the middle of its cell, in pixels."""
    found = []
    for stride, boxes in _HEADS:
        cells = _SIZE // stride
        y, x = np.mgrid[:cells, :cells]
        found.append(np.repeat(np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1) * stride, boxes, axis=0))
    return np.concatenate(found)
