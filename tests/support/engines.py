"""Every backend with models that it can run: what the contract suite goes over."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.engines.native import cuda
from hpi_schemas.device import parse

CONFIGS: Mapping[str, dict[str, Any]] = {
    "om": {},
    "onnxruntime": {
        "cpu_num_threads": 2,
        "graph_optimization": "all",
        "memory_pattern": False,
        "precision": "fp32",
        "provider_options": {},
    },
    "openvino": {"cpu_num_threads": 2, "device_name": "CPU", "num_streams": 1, "precision": "fp32"},
    "paddle": {
        "cpu_threads": 2,
        "delete_pass": [],
        "enable_cinn": False,
        "enable_new_ir": True,
        "mkldnn_cache_capacity": 10,
        "precision": "fp32",
        "run_mode": "mkldnn",
    },
    "tensorrt": {
        "builder_optimization_level": 3,
        "precision": "fp32",
        "use_dynamic_shapes": True,
        "use_tf32": False,
        "workspace_mib": 64,
    },
}
# What a plan for a GPU adds.
ONNXRUNTIME_GPU: Mapping[str, Any] = {
    "arena_extend_strategy": "kSameAsRequested",
    "cudnn_conv_algo_search": "HEURISTIC",
    "execution_provider": "cuda",
    "gpu_mem_limit_mib": 0,
    "use_tf32": False,
}
CLASSIFIER = "ch_ppocr_mobile_v2.0_cls"
# The shapes of the line classifier's input that the suite runs; engines that are built for shapes are built for these.
SHAPES = [(batch, 3, 48, 192) for batch in (1, 2, 4, 5)] + [(7, 3, 48, 96), (1, 3, 48, 320)]
ROWS = 2


@dataclass(frozen=True)
class Backend:
    """A backend and how to load models with it.

    Attributes:
        name: as in a plan.
        kind: of its models, a folder of the fixture ``engine_models``.
        files: that it loads, program first.
        changes: to its configuration.
        device: as in a plan.
        dtypes: that it can take.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    changes: tuple[tuple[str, Any], ...] = ()
    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32", "float16", "int64", "int32", "uint8", "bool")

    def load(self, root: Path) -> Engine:
        """Load the line classifier: x, batch × 3 × 48 × 192, float32."""
        return self._load(root / self.kind / CLASSIFIER)

    def load_tiny(self, root: Path, dtype: str = "float32") -> Engine:
        """Load ``y = concat(x, x)``: x, N × 3."""
        return self._load(root / f"tiny-{self.kind}" / dtype)

    def _load(self, folder: Path) -> Engine:
        kind = engines.find(self.name)
        assert kind is not None
        return kind(folder, self.files, {**CONFIGS[self.name], **dict(self.changes)}, parse(self.device))


_ONNX = ("models", ("inference.onnx",))
_PIR = ("pir", ("inference.json", "inference.pdiparams"))
_LEGACY = ("legacy", ("inference.pdmodel", "inference.pdiparams"))
_PADDLE = pytest.mark.paddle
ONNXRUNTIME, OPENVINO = Backend("onnxruntime", *_ONNX), Backend("openvino", *_ONNX)
# On a machine with an NVIDIA GPU the real ones, elsewhere an imitation.
HAS_GPU = cuda.device_count() > 0
_TENSORRT = Backend("tensorrt", "trt", ("inference.engine",), device="gpu:0", dtypes=("float32", "float16", "int64"))
_CUDA = Backend("onnxruntime", *_ONNX, tuple(ONNXRUNTIME_GPU.items()), "gpu:0")
_NVIDIA = [pytest.param(_CUDA, id="onnxruntime-on-gpu")] if HAS_GPU else []
if not HAS_GPU or importlib.util.find_spec("tensorrt") is not None:
    _NVIDIA.append(pytest.param(_TENSORRT, id="tensorrt-on-gpu" if HAS_GPU else "tensorrt-imitated"))
# The real backends, and imitations of the vendors' software that needs other hardware; with tiny models, and all.
WITH_TINY = [
    pytest.param(ONNXRUNTIME, id="onnxruntime"),
    pytest.param(OPENVINO, id="openvino"),
    pytest.param(Backend("onnxruntime", "optimized", ("optimized.onnx",)), id="onnxruntime-ahead"),
    pytest.param(Backend("openvino", "compiled", ("compiled.blob",)), id="openvino-ahead"),
    pytest.param(Backend("paddle", *_PIR), id="paddle-onednn-json", marks=_PADDLE),
    pytest.param(
        Backend("paddle", *_PIR, (("run_mode", "paddle"),)),
        id="paddle-plain-json",
        marks=_PADDLE,
    ),
    *_NVIDIA,
    pytest.param(
        Backend("om", "om", ("inference.om",), device="npu:0", dtypes=("float32", "float16", "int64", "int32")),
        id="om-imitated",
    ),
]
ALL = [*WITH_TINY, pytest.param(Backend("paddle", *_LEGACY), id="paddle-onednn-pdmodel", marks=_PADDLE)]
