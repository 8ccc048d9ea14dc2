"""From the records of a plan to loaded models: the task, the engine or its fallback, and whether the two fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hpi_schemas import backends
from hpi_schemas import tasks as contracts
from hpi_schemas.device import CPU
from hpi_schemas.model_config import ModelConfigError, read_config
from hpi_schemas.model_store import CONFIG_FILE
from hpi_schemas.plan.model import EngineRecord, ModuleRecord
from hpi_schemas.tasks.binding import BindError, Binding, bind_inputs, bind_outputs
from hpi_schemas.tasks.check import contradictions
from hpi_schemas.tasks.contradiction import Contradiction, Facts
from hpi_schemas.tasks.processing import processing

from hpi_runtime import engines, prepare, tasks
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PlanError, PrepareError, RunnerError
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check
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


def is_ready(record: ModuleRecord) -> bool:
    """Tell whether a module only has to be loaded, on a CPU: GPUs would measure kernels while others load."""
    backend = backends.find(record.engine.backend)
    ahead = None if backend is None or backend.ahead is None else backend.ahead.step
    is_made = any(step.step != ahead for step in record.engine.prepare)
    return record.device == CPU and not is_made and not record.fallback


def open_module(address: str, record: ModuleRecord, task: Task, load: Callable[[], tuple[Engine, str]]) -> Opened:
    """Load what runs the model of a module, whose files were checked, and find out which of its arrays is which.

    Args:
        address: of the module.
        record: the plan's, or that of a replica.
        task: what the module does.
        load: gives the engine, and why it is not the plan's.

    Raises:
        PrepareError, EngineError: it cannot be loaded, or its model does not fit its task.
    """
    engine, failure = load()
    try:
        return Opened(task, engine, bind(address, record, task, engine), failure)
    except EngineError:
        engine.close()
        raise


def open_engine(plan: LocatedPlan, address: str, strict: bool = False) -> Engine:
    """Load the engine of one module, for hosts that do the pre- and postprocessing themselves.

    The files, the machine and the versions are checked as for a whole pipeline, steps are prepared, and fallbacks
    count. Close it, or use it in a ``with`` statement.

    Args:
        plan: read and located, see ``read_plan``.
        address: of the module.
        strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.

    Raises:
        PlanError: the plan has no such module.
        PreflightError: this machine does not satisfy the plan.
        PrepareError, EngineError: the engine cannot be prepared or loaded.
    """
    record = plan.module(address)
    folders, _ = check(plan, [address], strict)
    engine, _ = with_fallback(plan, address, record, folders[address], strict)
    if strict and engine.deviations:
        engine.close()
        raise EngineError("\n".join(f"{address}: {line}" for line in engine.deviations))
    return engine


def with_fallback(
    plan: LocatedPlan, address: str, record: ModuleRecord, folder: Path, strict: bool
) -> tuple[Engine, str]:
    """Load the plan's engine, or the first of its fallbacks that loads and why the plan's does not.

    Args:
        plan: that it is of.
        address: of the module.
        record: the plan's, or that of a replica.
        folder: of the model, whose files were checked.
        strict: no fallback will do.

    Raises:
        PrepareError, EngineError: none can be prepared and loaded.
    """
    try:
        return load_engine(record.engine, record, folder), ""
    except (PrepareError, EngineError) as fault:
        if strict or not record.fallback:
            raise type(fault)(f"{address}: {fault}{_mend(plan, address, fault)}") from fault
        failures = [str(fault)]
    for engine in record.fallback:
        try:
            return load_engine(engine, record, folder), failures[0]
        except (PrepareError, EngineError) as fault:
            failures.append(str(fault))
    raise EngineError(f"{address}: neither its engine nor any fallback can be loaded:\n" + "\n".join(failures))


def _mend(plan: LocatedPlan, address: str, fault: RunnerError) -> str:
    """Return which line of the YAML settles a failed preparation."""
    if not isinstance(fault, PrepareError) or "paddle" not in plan.modules[address].model.formats:
        return ""
    source = plan.plan.source.file or "the pipeline's YAML"
    return f"\n  in {source}, `{address}.hpi_config.backend: paddle` needs no preparation; then plan again"


def load_engine(engine: EngineRecord, record: ModuleRecord, folder: Path) -> Engine:
    """Prepare and load an engine.

    Args:
        engine: the plan's record of it.
        record: the plan's, of its module.
        folder: of the model.

    Raises:
        PrepareError, EngineError: it cannot be prepared or loaded.
    """
    kind = engines.find(engine.backend)
    if kind is None:
        raise EngineError(f"the backend {engine.backend} is not known to this hpi-run")
    made = prepare.engine_files(record.model, engine, folder, record.device)
    return kind(made.folder, made.files, engine.config, record.device, made.digests)
