"""Models of one operator, ``y = concat(x, x)`` along the last axis, for every dtype: what the contract suite asks for.

``python -m support.tiny_models FOLDER`` exports the Paddle ones, in a process of its own; the others need no Paddle.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# TensorProto.DataType.
ONNX_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
COLUMNS = 3


def onnx_model(folder: Path, dtype: str) -> None:
    """Write ``inference.onnx``; x is N × 3."""
    import onnx
    from onnx import helper

    kind = ONNX_TYPES[dtype]
    given = helper.make_tensor_value_info("x", kind, ["N", COLUMNS])
    made = helper.make_tensor_value_info("y", kind, ["N", 2 * COLUMNS])
    node = helper.make_node("Concat", ["x", "x"], ["y"], axis=-1)
    graph = helper.make_graph([node], "tiny", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "inference.onnx"))


def om_model(folder: Path, onnx: Path, shapes: dict[str, list[int]], gears: list[list[int]]) -> None:
    """Write what the imitation of Ascend's pyACL takes for a model."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"onnx": str(onnx), "shapes": shapes, "gears": gears})
    (folder / "inference.om").write_text(text)


def paddle_models(folder: Path) -> None:
    """Write ``DTYPE/inference.json`` and its weights."""
    import paddle
    from paddle.static import InputSpec

    class Twice(paddle.nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            # Kept as a weight: a predictor wants at least one.
            columns = paddle.to_tensor([*range(COLUMNS)] * 2, dtype="int64")
            self.register_buffer("columns", columns)

        def forward(self, x: Any) -> Any:
            # Paddle gathers no fp16.
            taken = x.astype("float32") if x.dtype == paddle.float16 else x
            return paddle.gather(taken, self.columns, axis=1).astype(x.dtype)

    for dtype in ONNX_TYPES:
        spec = [InputSpec([None, COLUMNS], dtype, "x")]
        model = paddle.jit.to_static(Twice(), input_spec=spec, full_graph=True)
        paddle.jit.save(model, str(folder / dtype / "inference"))


if __name__ == "__main__":
    paddle_models(Path(sys.argv[1]))
