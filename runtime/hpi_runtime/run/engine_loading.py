"""From the records of a plan to loaded engines, or the fallbacks that load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hpi_schemas.backends import load_all
from hpi_schemas.device import CPU
from hpi_schemas.plan.model import EngineRecord, ModuleRecord

from hpi_runtime import engines, prepare
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PrepareError, RunnerError
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check


def is_ready(record: ModuleRecord) -> bool:
    """Tell whether a module only has to be loaded, on a CPU: GPUs would measure kernels while others load."""
    backend = load_all().get(record.engine.backend)
    ahead = None if backend is None or backend.ahead is None else backend.ahead.step
    is_made = any(step.step != ahead for step in record.engine.prepare)
    return record.device == CPU and not is_made and not record.fallback


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
    plan: LocatedPlan,
    address: str,
    record: ModuleRecord,
    folder: Path,
    strict: bool,
    take: Callable[[str], Engine | None] = lambda _: None,
) -> tuple[Engine, str]:
    """Load the plan's engine, or the first of its fallbacks that loads and why the plan's does not.

    Args:
        plan: that it is of.
        address: of the module.
        record: the plan's, or that of a replica.
        folder: of the model, whose files were checked.
        strict: no fallback will do.
        take: returns the plan's engine if somebody has loaded it already, and raises what that raised.

    Raises:
        PrepareError, EngineError: none can be prepared and loaded.
    """
    try:
        taken = take(address)
        return (load_engine(record.engine, record, folder) if taken is None else taken), ""
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
