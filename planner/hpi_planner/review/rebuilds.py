"""Which prepared files a change makes necessary: those whose key, which covers all that they depend on, is another."""

from __future__ import annotations

from typing import Any

from hpi_schemas.canonical import dumps
from hpi_schemas.device import CPU, Device
from hpi_schemas.model_store import program_files
from hpi_schemas.plan import write
from hpi_schemas.plan.model import EngineRecord, ModuleRecord, Plan
from hpi_schemas.target import Target

from hpi_planner.review.wording import listed

# The backends and tools whose versions the key of each step covers; of others, the one that the step names.
VERSIONS = {
    "build_engine": ("tensorrt",),
    "build_subgraphs": ("paddle", "tensorrt"),
    "quantize_onnx": ("onnx", "ml-dtypes", "onnxruntime"),
    "quantize_openvino": ("nncf", "openvino"),
    "to_fp16": ("onnxconverter-common", "onnx"),
    "to_onnx": ("paddle2onnx", "paddle", "onnx"),
}
# Those whose result also depends on the processor or the GPU.
HARDWARE = ("build_engine", "build_subgraphs", "compile_openvino", "optimize_onnx")


def prepared_anew(old: Plan, new: Plan, address: str) -> tuple[str, ...]:
    """Return the last prepare step of each engine of a module whose prepared files the old plan did not need.

    Args:
        old, new: the plans.
        address: of a module of the new plan.
    """
    module, before = new.modules[address], old.modules.get(address)
    known = {key for engine in (() if before is None else before.engines) for key in _keys(old, before, engine)}
    return tuple(engine.prepare[-1].step for engine in module.engines if not _keys(new, module, engine) <= known)


def told(old: Plan, new: Plan, address: str) -> str:
    """Say which prepare steps a module needs before its first run that it did not need, empty for none."""
    steps = prepared_anew(old, new, address)
    before = old.modules.get(address)
    again = before is not None and any(engine.prepare for engine in before.engines)
    return f"{listed(steps)}{' again' if again else ''} before the first run" if steps else ""


def _keys(plan: Plan, module: ModuleRecord | None, engine: EngineRecord) -> set[str]:
    """Return what the runner's keys of prepared files cover, as far as a plan tells it: one for each kind of device."""
    if module is None or not engine.prepare:
        return set()
    target = plan.target
    known = {**target.tools, **target.backends}
    names = {name for step in engine.prepare for name in VERSIONS.get(step.step, (step.tool,))}
    facts: dict[str, Any] = {
        "files": {name: module.model.files.get(name) for name in program_files(engine.format, module.model.files)},
        "steps": [write.step(step) for step in engine.prepare],
        "versions": {name: known.get(name) for name in sorted(names)},
    }
    if not any(step.step in HARDWARE for step in engine.prepare):
        return {dumps(facts)}
    cards = (_hardware(target, module.device.at(number)) for number in plan.replicas or (module.device.number,))
    return {dumps({**facts, "hardware": card}) for card in cards}


def _hardware(target: Target, device: Device) -> list[str]:
    if device.kind == CPU.kind:
        return [target.os, target.arch, *target.cpu_features]
    gpus = target.gpus[device.number : device.number + 1]
    return [target.os, target.arch, *(fact for gpu in gpus for fact in (gpu.name, gpu.compute_capability))]
