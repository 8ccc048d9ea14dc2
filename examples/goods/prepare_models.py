"""Lays out the example's models as PaddleX does: a folder each.

What describes pictures is EfficientNet-Lite0, out of a package on PyPI. What finds the things is no trained network,
for no package holds one: a few operations that take apart what stands side by side on white ground.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from weights.graph import Writer, value  # noqa: E402 (shared by examples and tests)
from weights.models import make  # noqa: E402

FINDER, DESCRIBER = "PP-ShiTuV2_det", "PP-ShiTuV2_rec"
# The network's own, whatever the picture has.
_HEIGHT, _WIDTH = 256, 1024
_WHITE, _SCORE = 0.96, 0.9
_CONFIG = {
    "Global": {"model_name": FINDER},
    "Preprocess": [
        {"type": "Resize", "interp": 1, "keep_ratio": False, "target_size": [_HEIGHT, _WIDTH]},
        {"type": "NormalizeImage", "is_scale": True, "mean": [0.0] * 3, "std": [1.0] * 3},
        {"type": "Permute"},
    ],
    "draw_threshold": 0.5,
    "label_list": ["thing"],
}


def finder() -> onnx.ModelProto:
    """Return what finds things: runs of columns that are not white throughout, and in each the rows that are not."""
    write = Writer("v")
    brightness = write.add("ReduceMin", "image", axes=[0, 1], keepdims=0)
    ink = write.add("Cast", write.add("Less", brightness, write.constant(_WHITE, np.float32)), to=TensorProto.FLOAT)
    columns = write.add("ReduceMax", ink, axes=[0], keepdims=0)
    none = write.constant([0], np.float32)
    before = write.add("Concat", none, columns, axis=0)
    after = write.add("Concat", columns, none, axis=0)
    edges = write.add("Sub", after, before)
    left, right = (_places(write, edges, sign) for sign in (1, -1))
    number = write.constant(np.arange(_WIDTH)[None])
    is_inside = write.add("And", write.add("Not", write.add("Less", number, left)), write.add("Less", number, right))
    rows = write.add("MatMul", write.add("Cast", is_inside, to=TensorProto.FLOAT), write.add("Transpose", ink))
    has_ink = write.add("Cast", write.add("Greater", rows, write.constant(0, np.float32)), to=TensorProto.FLOAT)
    down, up = (write.constant(item[None], np.float32) for item in _both_ways(_HEIGHT))
    bottom = write.add("ReduceMax", write.add("Mul", has_ink, down), axes=[1], keepdims=1)
    height = write.constant(_HEIGHT, np.float32)
    top = write.add("Sub", height, write.add("ReduceMax", write.add("Mul", has_ink, up), axes=[1], keepdims=1))
    sides = [write.add("Cast", item, to=TensorProto.FLOAT) for item in (left, right)]
    corners = write.add("Concat", sides[0], top, sides[1], bottom, axis=1)
    factor = write.add("Gather", "scale_factor", write.constant([1, 0, 1, 0]), axis=1)
    nothing = write.add("Mul", top, write.constant(0, np.float32))
    score = write.add("Add", nothing, write.constant(_SCORE, np.float32))
    write.named(write.add("Concat", nothing, score, write.add("Div", corners, factor), axis=1), "boxes")
    count = write.add("Gather", write.add("Shape", left), write.constant([0]), axis=0)
    write.named(write.add("Cast", count, to=TensorProto.INT32), "count")
    inputs = [
        value("image", TensorProto.FLOAT, [1, 3, _HEIGHT, _WIDTH]),
        value("scale_factor", TensorProto.FLOAT, [1, 2]),
    ]
    outputs = [value("boxes", TensorProto.FLOAT, ["K", 6]), value("count", TensorProto.INT32, [1])]
    graph = helper.make_graph(write.nodes, "side_by_side", inputs, outputs, write.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _places(write: Writer, edges: str, sign: int) -> str:
    """Return where the ink begins (1) or ends (-1), as a column."""
    zero = write.constant(0, np.float32)
    is_there = write.add("Greater" if sign > 0 else "Less", edges, zero)
    return write.add("Transpose", write.add("NonZero", is_there))


def _both_ways(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers from 1 on, and those down to 1."""
    return np.arange(1, count + 1), np.arange(count, 0, -1)


def main() -> None:
    """Write ``models/``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="a folder with the packages, as `make` fetches them")
    options = parser.parse_args()
    make(options.packages, HERE / "models", [DESCRIBER])
    folder = HERE / "models" / FINDER
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(finder(), str(folder / "inference.onnx"))
    (folder / "inference.yml").write_text(yaml.safe_dump(_CONFIG, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
