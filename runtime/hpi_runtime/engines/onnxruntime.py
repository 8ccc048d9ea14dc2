"""ONNX Runtime: on the CPU, or on an NVIDIA GPU by its CUDA or its TensorRT execution provider."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from hpi_runtime.doctor import libraries
from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

_CPU, _CUDA, _TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
# What a session is asked for; the CPU takes what the GPU has no kernel for, and does so by ONNX Runtime's own rule.
_PROVIDERS = {"cuda": (_CUDA,), "tensorrt": (_TENSORRT, _CUDA)}
_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
# A file of this name was made over in a prepare step.
_OPTIMIZED = "optimized.onnx"
# Of what it says on stderr.
_ERRORS = 3
# A session runs in the model's own precision; for fp16 and int8 a prepare step has converted it.
_PRECISIONS = {"fp32": "fp32", "fp16": "fp16", "int8": "int8"}
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
}
# Keys of onnxruntime_session_options_config_keys.h.
_SPINNING = "session.intra_op.allow_spinning"
_ENTRIES = {
    "session.inter_op.allow_spinning": "0",
    # Denormal numbers are numbers.
    "session.set_denormal_as_zero": "0",
    # Tells which provider runs which node.
    "session.record_ep_graph_assignment_info": "1",
}


def write_optimized(source: Path, target: Path, level: str) -> None:
    """Write a model as a session on the CPU makes it over when it loads it.

    Args:
        source, target: the files.
        level: of optimisation, as the plan calls it.
    """
    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[level])
    options.log_severity_level = _ERRORS
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=[_CPU])


def library() -> Any:
    """Return ONNX Runtime with its telemetry off.

    From 1.29 on its Linux packages report models and machines to Microsoft unless they are told not to.
    """
    # Read when the library is loaded; an application may have loaded it before us.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


class OnnxRuntimeEngine(Engine):
    """One session; ``run`` is thread-safe, as ONNX Runtime's is."""

    name = "onnxruntime"
    distributions = ("onnxruntime", "onnxruntime-gpu")
    extra = "cpu"

    def _load(self) -> None:
        onnxruntime = library()
        self._choice("precision", _PRECISIONS)
        self._wanted = self._providers()
        if _CUDA in self._wanted and hasattr(onnxruntime, "preload_dlls"):
            # CUDA from Python packages is found by nobody otherwise.
            onnxruntime.preload_dlls()
        with warnings.catch_warnings():
            # What it warns of, a provider that is missing, is an error here.
            warnings.simplefilter("ignore")
            self._session: Any = onnxruntime.InferenceSession(
                str(self.folder / self.files[0]),
                self._options(onnxruntime),
                providers=list(self._wanted.items()),
                enable_fallback=0,
            )
        self._nodes = self._count_nodes()
        self._check_providers(onnxruntime)
        self.inputs = tuple(map(_tensor, self._session.get_inputs()))
        self.told = tuple(map(_tensor, self._session.get_outputs()))
        self.outputs = tuple(tensor.name for tensor in self.told)

    def _options(self, onnxruntime: Any) -> Any:
        options = onnxruntime.SessionOptions()
        # Runs side by side bring their own thread each, and share the session's others.
        options.intra_op_num_threads = max(1, self.config["cpu_num_threads"] - self.streams + 1)
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        level = self._choice("graph_optimization", _LEVELS)
        if self.files[0] == _OPTIMIZED:
            level = _LEVELS["none"]
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = _ERRORS
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = self.config["memory_pattern"]
        for key, value in _ENTRIES.items():
            options.add_session_config_entry(key, value)
        # Idle threads that spin take the cores from the next stage.
        options.add_session_config_entry(_SPINNING, str(int(self.config.get("spinning", False))))
        return options

    def _providers(self) -> dict[str, dict[str, Any]]:
        """Return the providers in order, each with every option that changes numbers or memory."""
        own = self.config["provider_options"]
        kind = self.device.kind
        if kind == "cpu":
            return {_CPU: dict(own)}
        if kind != "gpu":
            raise EngineError(f"onnxruntime does not run on {self.device}")
        chosen = self._choice("execution_provider", {name: name for name in _PROVIDERS})
        first = _PROVIDERS[chosen][0]
        known = {_CUDA: self._cuda_options(), _TENSORRT: self._tensorrt_options()}
        return {
            name: {**known[name], **{key: str(value) for key, value in (own if name == first else {}).items()}}
            for name in _PROVIDERS[chosen]
        }

    def _cuda_options(self) -> dict[str, str]:
        limit = self.config["gpu_mem_limit_mib"] << 20
        return {
            "arena_extend_strategy": self.config["arena_extend_strategy"],
            "cudnn_conv_algo_search": self.config["cudnn_conv_algo_search"],
            "cudnn_conv_use_max_workspace": "1",
            "device_id": str(self._device_number),
            "do_copy_in_default_stream": "1",
            "use_tf32": "1" if self.config["use_tf32"] else "0",
            **({"gpu_mem_limit": str(limit)} if limit else {}),
        }

    def _tensorrt_options(self) -> dict[str, str]:
        return {
            "device_id": str(self._device_number),
            "trt_bf16_enable": "0",
            # Built anew at every start: what a cache of ONNX Runtime depends on is not all in its file names.
            "trt_engine_cache_enable": "0",
            "trt_fp16_enable": "0",
            "trt_int8_enable": "0",
        }

    def _check_providers(self, onnxruntime: Any) -> None:
        """Refuse a session that ONNX Runtime moved to the CPU without a word, and say why it did."""
        real = self._session.get_providers()
        if [name for name in real if name != _CPU or _CPU in self._wanted] == list(self._wanted):
            first = next(iter(self._wanted))
            if self._nodes and not self._nodes.get(first):
                raise self._refuse("provider", first, f"every node by {', '.join(self._nodes)}")
            return
        missing = [name for name in self._wanted if name not in real]
        cause = libraries.missing_for(onnxruntime, missing[0]) if missing else ""
        raise self._refuse("providers", list(self._wanted), real, cause)

    def _run(self, arrays: Arrays) -> Arrays:
        return dict(zip(self.outputs, self._session.run(list(self.outputs), arrays), strict=True))

    def _close(self) -> None:
        self._session = None

    def _count_nodes(self) -> dict[str, int]:
        """Return how many nodes of the graph each provider runs; empty where this release does not tell."""
        tell = getattr(self._session, "get_provider_graph_assignment_info", None)
        if tell is None:
            return {}
        found: Counter[str] = Counter()
        for part in tell():
            found[part.ep_name] += len(part.get_nodes())
        return dict(sorted(found.items()))

    def actual(self) -> dict[str, Any]:
        """Return the providers in use with what each runs, and the options that the session tells."""
        options = self._session.get_session_options()
        found: dict[str, Any] = {
            "cpu_num_threads": options.intra_op_num_threads + self.streams - 1,
            "device": str(self.device),
            "memory_pattern": options.enable_mem_pattern,
            "nodes": self._nodes,
            "providers": self._session.get_providers(),
            "spinning": options.get_session_config_entry(_SPINNING) == "1",
        }
        told = self._session.get_provider_options().get(_CUDA)
        if told is not None:
            found["device"] = f"gpu:{told['device_id']}"
            for option in ("arena_extend_strategy", "cudnn_conv_algo_search"):
                found[option] = told[option]
            found["use_tf32"] = told.get("use_tf32") == "1"
        return found


def _tensor(node: Any) -> Tensor:
    if node.type not in _TYPES:
        raise EngineError(f"onnxruntime: the input or output {node.name} is a {node.type}, which no array of numpy is")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Tensor(node.name, np.dtype(_TYPES[node.type]), shape)


ENGINE = OnnxRuntimeEngine
