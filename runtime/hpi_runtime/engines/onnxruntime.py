"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

_PROVIDER = "CPUExecutionProvider"
_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
# A session runs in the model's own precision.
_PRECISIONS = {"fp32": "fp32"}
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OnnxRuntimeEngine(Engine):
    """One session; ``run`` is thread-safe, as ONNX Runtime's is."""

    distributions = ("onnxruntime", "onnxruntime-gpu")
    extra = "cpu"

    def _load(self) -> None:
        import onnxruntime

        if self.device != "cpu":
            raise EngineError(f"the onnxruntime engine does not run on {self.device} yet")
        self._choice("precision", _PRECISIONS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.config["cpu_num_threads"]
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        level = self._choice("graph_optimization", _LEVELS)
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = 3
        # Idle threads that spin would take the cores from the next stage.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(self.folder / self.files[0]),
            options,
            providers=[_PROVIDER],
            provider_options=[self.config["provider_options"]],
        )
        real = self._session.get_providers()
        if real != [_PROVIDER]:
            raise self._refuse("provider", _PROVIDER, real)
        self.inputs = tuple(map(_tensor, self._session.get_inputs()))
        self.outputs = tuple(map(_tensor, self._session.get_outputs()))

    def _run(self, arrays: Arrays) -> Arrays:
        names = [tensor.name for tensor in self.outputs]
        return dict(zip(names, self._session.run(names, arrays), strict=True))

    def _close(self) -> None:
        self._session = None

    def actual(self) -> dict[str, Any]:
        """Return the providers in use, and the threads of the session."""
        options = self._session.get_session_options()
        return {
            "cpu_num_threads": options.intra_op_num_threads,
            "device": self.device,
            "providers": self._session.get_providers(),
        }


def _tensor(node: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Tensor(node.name, np.dtype(_TYPES.get(node.type, np.void)), shape)


ENGINE = OnnxRuntimeEngine
