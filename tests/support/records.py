"""Records of plans with what a test is about; the rest is of no account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_schemas.device import CPU
from hpi_schemas.plan import read
from hpi_schemas.plan.model import EngineRecord, ModelRecord, ModuleRecord


def model(files: Mapping[str, str], form: str = "onnx") -> ModelRecord:
    """Return a model of one format."""
    return ModelRecord("model", "model", form, (form,), files, {}, {})


def engine(*steps: Mapping[str, Any], form: str = "onnx") -> EngineRecord:
    """Return an engine with prepare steps, which come as a plan has them."""
    return EngineRecord("onnxruntime", {}, tuple(map(read.step, steps)), form)


def module(task: str) -> ModuleRecord:
    """Return a module with the settings that its model gives."""
    return ModuleRecord(task, model({}), CPU, engine(), 1, {}, True)
