"""Models without weights that label and describe: what they say depends on the colours of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper
from weights.graph import Writer, value

LABELS = [f"label {number}" for number in range(7)]


def lay_out(folder: Path, name: str, threshold: float = 0.5) -> Path:
    """Write a model folder; the means of the colours, mixed and squeezed, are the scores."""
    write = Writer("v")
    mixed = np.random.default_rng(3).normal(0, 3, (3, len(LABELS)))
    means = write.add("ReduceMean", "image", axes=[2, 3], keepdims=0)
    write.named(write.add("Sigmoid", write.add("MatMul", means, write.constant(mixed, np.float32))), "scores")
    return _lay_out(folder, name, write, {"MultiLabelThreshOutput": {"threshold": threshold, "label_list": LABELS}})


def describer(folder: Path, name: str) -> Path:
    """Write a model folder; the vector is a mixture of the left and the right half of the picture."""
    write = Writer("v")
    halves = write.add("AveragePool", "image", kernel_shape=[32, 12], strides=[32, 12])
    mixed = np.random.default_rng(4).normal(0, 1, (6, len(LABELS)))
    flat = write.add("Flatten", halves)
    write.named(write.add("MatMul", flat, write.constant(mixed, np.float32)), "scores")
    return _lay_out(folder, name, write, {"NormalizeFeatures": None})


def _lay_out(folder: Path, name: str, write: Writer, after: dict[str, Any]) -> Path:
    inputs = [value("image", TensorProto.FLOAT, ["N", 3, 32, 24])]
    outputs = [value("scores", TensorProto.FLOAT, ["N", len(LABELS)])]
    graph = helper.make_graph(write.nodes, "toy", inputs, outputs, write.constants)
    folder.mkdir(parents=True)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(folder / "inference.onnx"))
    operations = [
        {"ResizeImage": {"size": [24, 32]}},
        {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.25] * 3, "scale": 1 / 255, "order": ""}},
        {"ToCHWImage": None},
    ]
    config = {"Global": {"model_name": name}, "PreProcess": {"transform_ops": operations}, "PostProcess": after}
    (folder / "inference.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return folder
