"""From the records of a plan to loaded models: the task, the engine, and whether the two fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hpi_schemas import tasks as contracts
from hpi_schemas.model_config import ModelConfigError, read_config
from hpi_schemas.model_store import CONFIG_FILE
from hpi_schemas.plan.model import ModuleRecord
from hpi_schemas.tasks.binding import BindError, Binding, bind_inputs, bind_outputs
from hpi_schemas.tasks.check import contradictions
from hpi_schemas.tasks.contradiction import Contradiction, Facts
from hpi_schemas.tasks.processing import processing

from hpi_runtime import tasks
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PlanError
from hpi_runtime.run.early import Early
from hpi_runtime.run.engine_loading import with_fallback
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.tasks.base import Task


class Opened(NamedTuple):
    """What a module needs to run.

    Attributes:
        task: what it does.
        engine: what runs its model.
        binding: which input and output of the model is which of the task's.
        failure: why the engine is not the plan's; empty if it is.
    """

    task: Task
    engine: Engine
    binding: Binding
    failure: str


def make_task(address: str, record: ModuleRecord, folder: Path) -> Task:
    """Return the task of a module, with its model's ``inference.yml``.

    Args:
        address: of the module, for messages.
        record: the plan's, of the module.
        folder: of the model.

    Raises:
        PlanError: nobody here knows the task.
        EngineError: the ``inference.yml`` or the settings cannot be used.
    """
    kind = tasks.find(record.module_name)
    if kind is None:
        raise PlanError(f"{address}: this hpi-run does not know the task {record.module_name}")
    path = folder / CONFIG_FILE
    try:
        config = read_config(path)
    except ModelConfigError as fault:
        raise EngineError(f"{address}: {path} {fault}") from None
    except OSError as fault:
        raise EngineError(f"{address}: {path} cannot be read: {fault.strerror}") from None
    facts = Facts({}, {}, processing(config), record.settings, record.batch_size, record.model.files)
    _refuse(address, path, contradictions(record.module_name, facts))
    try:
        task = kind(config, record.settings, record.batch_size)
        task.read_companions(folder)
        return task
    except EngineError as fault:
        raise EngineError(f"{address}: {folder / CONFIG_FILE}: {fault}") from None
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as fault:
        reason = f"{type(fault).__name__}: {fault}"
        raise EngineError(f"{address}: the settings or {folder / CONFIG_FILE} cannot be used: {reason}") from fault


def bind(address: str, record: ModuleRecord, task: Task, engine: Engine) -> Binding:
    """Return which input and output of a loaded engine is which of its task's.

    Args:
        address: of the module, for messages.
        record: the plan's, of the module.
        task: what it does.
        engine: loaded.

    Raises:
        EngineError: what the engine tells of its model does not fit the task.
    """
    contract = contracts.find(record.module_name)
    assert contract is not None
    told = {item.name: item for item in engine.told}
    counted = engine.outputs[: len(contract.outputs)]
    inputs = {item.name: (item.dtype.name, list(item.shape)) for item in engine.inputs}
    # The first outputs are those that count; of what the engine does not tell, nothing is known.
    outputs = {name: (told[name].dtype.name, list(told[name].shape)) for name in counted if name in told}
    whole = outputs if len(outputs) == len(counted) else {}
    facts = Facts(inputs, whole, processing(task.config), record.settings, record.batch_size)
    path = engine.folder / engine.files[0]
    _refuse(address, path, contradictions(record.module_name, facts))
    try:
        return Binding(bind_inputs(contract, inputs), bind_outputs(contract, engine.outputs))
    except BindError as fault:
        raise EngineError(f"{address}: {path}: {fault}") from None


def _refuse(address: str, path: Path, found: Sequence[Contradiction]) -> None:
    if found:
        lines = [f"{item.message}{f'; {item.help}' if item.help else ''}" for item in found]
        raise EngineError(f"{address}: {path}: " + "\n".join(lines))


def open_module(
    plan: LocatedPlan, address: str, record: ModuleRecord, folder: Path, strict: bool, early: Early
) -> Opened:
    """Load a module whose files were checked.

    Args:
        plan: that it is of.
        address: of the module.
        record: the plan's, or that of a replica.
        folder: of the model.
        strict: no fallback will do.
        early: what is loading already.

    Raises:
        PlanError, PrepareError, EngineError: it cannot be loaded, or its model does not fit its task.
    """
    task = make_task(address, record, folder)
    engine, failure = with_fallback(plan, address, record, folder, strict, early.take)
    try:
        return Opened(task, engine, bind(address, record, task, engine), failure)
    except EngineError:
        engine.close()
        raise
