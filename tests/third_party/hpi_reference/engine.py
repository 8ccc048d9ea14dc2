"""The engine: slow, exact, and made of nothing but numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from hpi_runtime.engines.base import Arrays, Engine, Tensor


class ReferenceEngine(Engine):
    """One evaluator, which keeps nothing between runs."""

    name = "reference"
    distributions = ("onnx",)
    extra = "convert"

    def _load(self) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        model = onnx.load(str(self.folder / self.files[0]))
        self._evaluator: Any = ReferenceEvaluator(model, verbose=self.config["verbose"])
        weights = {item.name for item in model.graph.initializer}
        self.inputs = tuple(_tensor(item) for item in model.graph.input if item.name not in weights)
        self.outputs = tuple(item.name for item in model.graph.output)

    def _run(self, arrays: Arrays) -> Arrays:
        found = self._evaluator.run(list(self.outputs), arrays)
        return {name: np.array(value) for name, value in zip(self.outputs, found, strict=True)}

    def _close(self) -> None:
        self._evaluator = None

    def actual(self) -> dict[str, Any]:
        """Return the device and the option in use."""
        return {"device": "cpu", "verbose": self._evaluator.verbose}


def _tensor(item: Any) -> Tensor:
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = item.type.tensor_type
    shape = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
    return Tensor(item.name, np.dtype(tensor_dtype_to_np_dtype(kind.elem_type)), shape)
