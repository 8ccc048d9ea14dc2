"""Multi-label classifiers without weights: what they say depends on the colours of the picture."""

from __future__ import annotations

from pathlib import Path

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
    config = {
        "Global": {"model_name": name},
        "PreProcess": {"transform_ops": operations},
        "PostProcess": {"MultiLabelThreshOutput": {"threshold": threshold, "label_list": LABELS}},
    }
    (folder / "inference.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return folder
