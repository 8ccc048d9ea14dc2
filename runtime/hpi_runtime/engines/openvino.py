"""OpenVINO on the CPU, or on a GPU or NPU of Intel."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from hpi_schemas.device import CPU

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

# An int8 model has been quantised in a prepare step; what is not quantised in it runs in fp32.
_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
_INT8 = ("i8", "u8")
# Files of this kind were compiled in a prepare step.
_COMPILED = ".blob"
_FIRST = threading.Lock()
_TELEMETRY = "openvino_telemetry"
_TYPES = {
    "boolean": np.bool_,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "u64": np.uint64,
}
# What would change numbers or memory on a CPU behind our back; the defaults differ between releases.
_CPU_SETTINGS = {
    "CPU_DENORMALS_OPTIMIZATION": False,
    "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 1.0,
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    # Every model, and every process, would pin its threads to the same first cores.
    "ENABLE_CPU_PINNING": False,
    "EXECUTION_MODE_HINT": "ACCURACY",
}


def library() -> Any:
    """Return OpenVINO with its telemetry off.

    Its package tells Google Analytics of every import, and keeps a number of the machine for it, where it finds
    ``openvino_telemetry``; it does without.
    """
    with _FIRST:
        known = sys.modules.get(_TELEMETRY)
        # As if it were not installed, for this import alone.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
        try:
            import openvino
        finally:
            del sys.modules[_TELEMETRY]
            if known is not None:
                sys.modules[_TELEMETRY] = known
    return openvino


class OpenVinoEngine(Engine):
    """One compiled model, one infer request per calling thread.

    A request shared between threads gives wrong results without a word, and its outputs are
    views that the next call overwrites; hence a request per thread, and copies.
    """

    name = "openvino"
    distributions = ("openvino",)
    extra = "cpu"

    def _load(self) -> None:
        openvino = library()
        core = openvino.Core()
        name = self._device_name(core)
        settings = {
            # The default on a CPU with AMX is bf16, with errors of up to 0.1 on logits.
            "INFERENCE_PRECISION_HINT": self._choice("precision", _PRECISIONS),
            "NUM_STREAMS": self.config["num_streams"],
        }
        if name == "CPU":
            settings |= {"INFERENCE_NUM_THREADS": self.config["cpu_num_threads"], **_CPU_SETTINGS}
        with _FIRST:
            # OpenVINO makes its table of dtypes at first use, and two threads that both are the first wait for each
            # other for ever: one inside it for Python's lock, the other with that lock for the table.
            openvino.Type.f32.to_dtype()
        file = self.folder / self.files[0]
        if file.suffix == _COMPILED:
            self._model: Any = core.import_model(file.read_bytes(), name, settings)
            self._introduce(self._model)
        else:
            read = core.read_model(str(file))
            # Before it is compiled, which renames what it folds away.
            self._introduce(read)
            self._model = core.compile_model(read, name, settings)
        self._requests = threading.local()

    def _introduce(self, model: Any) -> None:
        """Take the inputs and outputs of a model."""
        self.inputs = tuple(map(_tensor, model.inputs))
        # Of an output that does not even tell its rank, nothing is told.
        self.told = tuple(_tensor(port) for port in model.outputs if port.get_partial_shape().rank.is_static)
        self.outputs = tuple(_name(port) for port in model.outputs)

    def exported(self) -> bytes:
        """Return the compiled model, for a file that loads without compiling."""
        data = self._model.export_model()
        return bytes(data if isinstance(data, bytes) else data.getvalue())

    def _device_name(self, core: Any) -> str:
        if self.device != CPU:
            raise EngineError(f"openvino does not run on {self.device}; Intel's devices are named by `device_name`")
        name = str(self.config["device_name"])
        here = core.available_devices
        if name not in here and not any(item.startswith(f"{name}.") for item in here):
            cause = "is Intel's driver for it installed?" if name != "CPU" else "its CPU plugin is missing"
            known = ", ".join(here) or "nothing"
            raise EngineError(f"openvino: the plan says device_name {name}, and there is {known} alone: {cause}")
        return name

    def _run(self, arrays: Arrays) -> Arrays:
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._model.create_infer_request()
        # By place: compiling renames what it folds away. Scalars are copied, for OpenVINO writes to shared ones.
        inputs = [array if array.ndim else array.copy() for array in arrays.values()]
        request.infer(dict(enumerate(inputs)), share_inputs=True)
        return {name: request.get_output_tensor(index).data.copy() for index, name in enumerate(self.outputs)}

    def _cause(self, option: str) -> str:
        if option != "precision":
            return ""
        able = library().Core().get_property(str(self.config["device_name"]), "OPTIMIZATION_CAPABILITIES")
        return f"this device is able to do {', '.join(able)}; write precision: fp32"

    def _close(self) -> None:
        self._model = None
        self._requests = threading.local()

    def actual(self) -> dict[str, Any]:
        """Return the device, precision, threads and streams that the compiled model tells."""
        hint = str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        precision = next((plan for plan, name in _PRECISIONS.items() if name == hint), hint)
        devices = list(self._model.get_property("EXECUTION_DEVICES"))
        found = {
            "device": str(self.device),
            "device_name": self._planned_name(devices),
            "num_streams": int(self._model.get_property("NUM_STREAMS")),
            "precision": "int8" if self.config["precision"] == "int8" and self._runs_int8() else precision,
            "providers": devices,
        }
        if devices == ["CPU"]:
            found["cpu_num_threads"] = self._model.get_property("INFERENCE_NUM_THREADS")
        return found

    def _runs_int8(self) -> bool:
        """Tell whether any layer takes whole numbers of 8 bits, as the compiled graph tells."""
        layers = self._model.get_runtime_model().get_ops()
        return any(_runtime_precision(layer) in _INT8 for layer in layers)

    def _planned_name(self, devices: list[str]) -> str:
        """Return the plan's name of the devices in use: of two GPUs, OpenVINO calls its ``GPU`` ``GPU.0``."""
        planned = str(self.config["device_name"])
        return planned if devices in ([planned], [f"{planned}.0"]) else ", ".join(devices)


def _runtime_precision(layer: Any) -> str:
    info = layer.get_rt_info()
    return str(info["runtimePrecision"].astype(str)) if "runtimePrecision" in info else ""


def _name(port: Any) -> str:
    """Return the model's own name of an input or output, of the several that OpenVINO may give it."""
    own = str(port.get_node().get_friendly_name()).removesuffix("/sink_port_0")
    return own if own in port.get_names() else str(port.get_any_name())


def _tensor(port: Any) -> Tensor:
    kind = str(port.get_element_type().get_type_name())
    if kind not in _TYPES:
        raise EngineError(f"openvino: the input or output {_name(port)} is {kind}, which no array of numpy is")
    partial = port.get_partial_shape()
    shape = tuple(size.get_length() if size.is_static else None for size in partial) if partial.rank.is_static else ()
    return Tensor(_name(port), np.dtype(_TYPES[kind]), shape)


ENGINE = OpenVinoEngine
