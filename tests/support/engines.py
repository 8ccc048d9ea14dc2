"""Every backend with a model that it can run: what the contract suite goes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine

CONFIGS: Mapping[str, dict[str, Any]] = {
    "onnxruntime": {"cpu_num_threads": 2, "graph_optimization": "all", "precision": "fp32", "provider_options": {}},
    "openvino": {"cpu_num_threads": 2, "num_streams": 1, "precision": "fp32"},
    "paddle": {
        "cpu_threads": 2,
        "delete_pass": [],
        "enable_cinn": False,
        "enable_new_ir": True,
        "mkldnn_cache_capacity": 10,
        "precision": "fp32",
        "run_mode": "mkldnn",
    },
}


@dataclass(frozen=True)
class Backend:
    """A backend and how to load the line classifier (x: batch × 3 × 48 × 192, float32) with it."""

    name: str
    folder: str
    files: tuple[str, ...]
    changes: tuple[tuple[str, Any], ...] = ()

    def load(self, root: Path) -> Engine:
        kind = engines.find(self.name)
        assert kind is not None
        return kind(root / self.folder, self.files, {**CONFIGS[self.name], **dict(self.changes)}, "cpu")


_ONNX = ("models/ch_ppocr_mobile_v2.0_cls", ("inference.onnx",))
_PIR = ("pir/ch_ppocr_mobile_v2.0_cls", ("inference.json", "inference.pdiparams"))
_LEGACY = ("legacy/ch_ppocr_mobile_v2.0_cls", ("inference.pdmodel", "inference.pdiparams"))
_PADDLE = pytest.mark.paddle
ONNXRUNTIME, OPENVINO = Backend("onnxruntime", *_ONNX), Backend("openvino", *_ONNX)
ALL = [
    pytest.param(ONNXRUNTIME, id="onnxruntime"),
    pytest.param(OPENVINO, id="openvino"),
    pytest.param(Backend("paddle", *_PIR), id="paddle-onednn-json", marks=_PADDLE),
    pytest.param(Backend("paddle", *_PIR, (("run_mode", "paddle"),)), id="paddle-plain-json", marks=_PADDLE),
    pytest.param(Backend("paddle", *_LEGACY), id="paddle-onednn-pdmodel", marks=_PADDLE),
]
