"""The prepare steps of an engine: from a model's own format to the file that the backend loads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hpi_schemas.backends import AHEAD, Backend, value_of
from hpi_schemas.model_store import program_files
from hpi_schemas.plan.model import PrepareStep
from hpi_schemas.target import Target

# The opset that paddle2onnx writes: the newest that every runtime of ours has read for years.
OPSET = 14
FP16_TOOL = "onnxconverter-common"


def steps(
    backend: Backend, config: Mapping[str, Any], converted: bool, files: Collection[str], target: Target
) -> tuple[PrepareStep, ...]:
    """Return the prepare steps in order.

    Args:
        backend: what will run the model.
        config: its full configuration.
        converted: the model is there as Paddle's, and the backend wants ONNX.
        files: the model's, in the format that the steps start from.
        target: tells the backend's version.
    """
    found: list[PrepareStep] = []
    if converted:
        found.append(_step("to_onnx", "paddle2onnx", {"opset": OPSET}, "inference.onnx"))
    if needs_fp16_model(backend, config, target):
        found.append(_step("to_fp16", FP16_TOOL, {}, "inference.onnx"))
    if backend.int8 is not None and config.get("precision") == "int8":
        options = {"calibration": config["calibration"]}
        found.append(_step(backend.int8.step, backend.int8.tool, options, backend.int8.produces))
    if backend.name == "paddle":
        if str(config["run_mode"]).startswith("trt"):
            # The new IR is written as .json, whatever it was read from.
            own = next(iter(program_files("paddle", files)), "inference.pdmodel")
            program = "inference.json" if config["enable_new_ir"] else own
            found.append(_step(backend.builds, "paddle", config, program))
    elif backend.builds:
        found.append(_step(backend.builds, backend.name, config, "inference.engine"))
    if backend.ahead is not None and value_of(backend.name, config, AHEAD):
        options = {key: config[key] for key in backend.ahead.reads}
        found.append(_step(backend.ahead.step, backend.ahead.tool, options, backend.ahead.produces))
    return tuple(found)


def needs_fp16_model(backend: Backend, config: Mapping[str, Any], target: Target) -> bool:
    """Tell whether fp16 means a model converted to it, because the backend has no switch for it."""
    if config.get("precision") != "fp16" or not backend.fp16_model_since:
        return False
    version = target.backends.get(backend.name) or "0"
    return _major(version) >= _major(backend.fp16_model_since)


def precision_tool(backend: Backend, config: Mapping[str, Any], target: Target) -> str | None:
    """Return the tool that makes the model for a precision, None if the model will do as it is."""
    if needs_fp16_model(backend, config, target):
        return FP16_TOOL
    return backend.int8.tool if backend.int8 is not None and config.get("precision") == "int8" else None


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _step(name: str, tool: str, options: Mapping[str, Any], produces: str) -> PrepareStep:
    return PrepareStep(name, tool, dict(options), produces)
