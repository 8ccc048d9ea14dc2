"""Writing an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


class Writer:
    """Collects nodes and constants; each method returns the name of a value."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix
        self._count = 0

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        """Add a constant."""
        name = self._name()
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        names = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def named(self, value: str, name: str) -> None:
        """Give a value the name that the model's output has."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def _name(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


def detector(write: Writer, boxes: str, scores: str, threshold: float, overlap: float) -> list[onnx.ValueInfoProto]:
    """Make PaddleX's outputs of all boxes: the best by class, in pixels of the picture, and how many there are.

    Args:
        write: where to.
        boxes: 1 × n × 4: left, top, right, bottom in pixels of the network's input.
        scores: 1 × classes × n.
        threshold: what a box scores at least.
        overlap: boxes of a class that overlap a better one more are left out.

    Returns:
        The outputs; the graph also needs an input ``scale_factor``, 1 × 2.
    """
    limits = [write.constant([100]), write.constant([overlap], np.float32), write.constant([threshold], np.float32)]
    chosen = write.add("NonMaxSuppression", boxes, scores, *limits)
    # Each row: the picture, the class, the box.
    number = write.add("Cast", write.add("Gather", chosen, write.constant([1]), axis=1), to=TensorProto.FLOAT)
    place = write.add("Squeeze", write.add("Gather", chosen, write.constant([2]), axis=1), write.constant([1]))
    score = write.add("Unsqueeze", write.add("GatherND", scores, chosen), write.constant([1]))
    corners = write.add("Gather", write.add("Squeeze", boxes, write.constant([0])), place, axis=0)
    # The factor comes as height and width.
    factor = write.add("Gather", "scale_factor", write.constant([1, 0, 1, 0]), axis=1)
    write.named(write.add("Concat", number, score, write.add("Div", corners, factor), axis=1), "boxes")
    count = write.add("Gather", write.add("Shape", chosen), write.constant([0]), axis=0)
    write.named(write.add("Cast", count, to=TensorProto.INT32), "count")
    return [value("boxes", TensorProto.FLOAT, ["K", 6]), value("count", TensorProto.INT32, [1])]


def value(name: str, dtype: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Return the description of an input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)
