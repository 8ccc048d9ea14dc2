"""OpenVINO on the CPU."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class OpenVinoEngine(Engine):
    """One compiled model, one infer request per calling thread.

    A request shared between threads gives wrong results without a word, and its outputs are
    views that the next call overwrites; hence a request per thread, and copies.
    """

    distributions = ("openvino",)
    extra = "cpu"

    def _load(self) -> None:
        import openvino

        if self.device != "cpu":
            raise EngineError(f"the openvino engine does not run on {self.device} yet")
        precision = self._choice("precision", _PRECISIONS)
        settings = {
            # The default on a CPU with AMX is bf16, with errors of up to 0.1 on logits.
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": self.config["cpu_num_threads"],
            "NUM_STREAMS": self.config["num_streams"],
        }
        core = openvino.Core()
        self._model: Any = core.compile_model(str(self.folder / self.files[0]), "CPU", settings)
        self._requests = threading.local()
        real = self._precision()
        if real != precision:
            raise self._refuse("precision", precision, real)
        devices = self._model.get_property("EXECUTION_DEVICES")
        if list(devices) != ["CPU"]:
            raise self._refuse("device", "CPU", devices)
        self.inputs = tuple(map(_tensor, self._model.inputs))
        self.outputs = tuple(map(_tensor, self._model.outputs))

    def _run(self, arrays: Arrays) -> Arrays:
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._model.create_infer_request()
        request.infer(arrays, share_inputs=True)
        return {tensor.name: request.get_output_tensor(index).data.copy() for index, tensor in enumerate(self.outputs)}

    def _close(self) -> None:
        self._model = None
        self._requests = threading.local()

    def _precision(self) -> str:
        kind = self._model.get_property("INFERENCE_PRECISION_HINT")
        return str(kind.get_type_name())

    def actual(self) -> dict[str, Any]:
        """Return the device, precision, threads and streams that the compiled model tells."""
        precision = self._precision()
        names = {kind: name for name, kind in _PRECISIONS.items()}
        return {
            "cpu_num_threads": self._model.get_property("INFERENCE_NUM_THREADS"),
            "device": self.device,
            "num_streams": int(self._model.get_property("NUM_STREAMS")),
            "precision": names.get(precision, precision),
            "providers": list(self._model.get_property("EXECUTION_DEVICES")),
        }


def _tensor(port: Any) -> Tensor:
    shape = tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())
    return Tensor(port.get_any_name(), np.dtype(port.get_element_type().to_dtype()), shape)


ENGINE = OpenVinoEngine
