"""The joints of a person: MediaPipe's pose landmarks, brought into PaddleX's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from weights import tensorflow_lite
from weights.graph import Writer, value

_SIZE, _MAP = 256, 64
# Its maps of how likely a joint is at each place, among other outputs.
_MAPS = 3
# Of its 33 joints the 17 of COCO, in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
_JOINTS = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]

CONFIG: dict[str, Any] = {
    "Global": {"model_name": "PP-TinyPose_256x192"},
    "Preprocess": [
        {"type": "TopDownEvalAffine", "trainsize": [_SIZE, _SIZE]},
        # It takes pixels from 0 to 1.
        {"type": "NormalizeImage", "mean": [0.0] * 3, "std": [1.0] * 3, "is_scale": True},
        {"type": "Permute"},
    ],
    "label_list": ["keypoint"],
    "arch": "HRNet",
}


def make(source: Path) -> onnx.ModelProto:
    """Return the model with PaddleX's input and outputs: a map for each joint, and where it is highest."""
    write = Writer("v")
    maps = tensorflow_lite.convert(source, write, "image")[_MAPS]
    chosen = write.add("Gather", maps, write.constant(_JOINTS), axis=1)
    write.named(write.add("Sigmoid", chosen), "heatmaps")
    flat = write.add("Reshape", "heatmaps", write.constant([0, len(_JOINTS), -1]))
    write.named(write.add("ArgMax", flat, axis=2, keepdims=0), "places")
    inputs = [value("image", TensorProto.FLOAT, [1, 3, _SIZE, _SIZE])]
    outputs = [
        value("heatmaps", TensorProto.FLOAT, [1, len(_JOINTS), _MAP, _MAP]),
        value("places", TensorProto.INT64, [1, len(_JOINTS)]),
    ]
    graph = helper.make_graph(write.nodes, "pose", inputs, outputs, write.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
