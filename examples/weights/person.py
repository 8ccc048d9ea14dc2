"""People on pictures: MediaPipe's selfie segmentation, brought into PaddleX's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from weights import tensorflow_lite
from weights.graph import Writer, value

_SIZE = 256
_LIKELY = 0.5

CONFIG: dict[str, Any] = {
    "Global": {"model_name": "PP-LiteSeg-T"},
    "Deploy": {
        "model": "model.pdmodel",
        "transforms": [
            {"type": "Resize", "target_size": [_SIZE, _SIZE], "keep_ratio": False, "size_divisor": None},
            # It takes pixels from 0 to 1.
            {"type": "Normalize", "mean": [0.0] * 3, "std": [1.0] * 3},
        ],
    },
}


def make(source: Path) -> onnx.ModelProto:
    """Return the model with PaddleX's input and output: 1 where there is somebody."""
    write = Writer("v")
    (chances,) = tensorflow_lite.convert(source, write, "image")
    flat = write.add("Squeeze", chances, write.constant([1]))
    there = write.add("Greater", flat, write.constant(_LIKELY, np.float32))
    write.named(write.add("Cast", there, to=TensorProto.INT32), "labels")
    inputs = [value("image", TensorProto.FLOAT, [1, 3, _SIZE, _SIZE])]
    outputs = [value("labels", TensorProto.INT32, [1, _SIZE, _SIZE])]
    graph = helper.make_graph(write.nodes, "person", inputs, outputs, write.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
