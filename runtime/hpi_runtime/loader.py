"""From a plan to what executes it: hpi-run's own pipeline, or that of its host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hpi_schemas import tasks
from hpi_schemas.hosts import PADDLEX

from hpi_runtime.errors import PlanError
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.runner import Observer, Timer

if TYPE_CHECKING:
    from hpi_runtime.results.writer import Writer


def is_hosted(plan: LocatedPlan, module: str | None = None) -> bool:
    """Tell whether the host of a plan runs it: the whole, or a module alone of a task that nobody here knows."""
    if plan.plan.host is None:
        return False
    return module is None or (module in plan.modules and tasks.find(plan.modules[module].module_name) is None)


def check_settings(
    plan: LocatedPlan, module: str | None, secrets: Mapping[str, str], settings: Mapping[str, Any]
) -> None:
    """Look whether arguments fit, and the credentials are given that a run needs, and no others; nothing is loaded.

    Args:
        plan: to run.
        module: the address of the one module that runs, None for the whole pipeline.
        secrets: credentials, by the dotted path of their key in the host's configuration.
        settings: the arguments of ``predict``.

    Raises:
        PlanError: something is missing, or nobody needs it.
    """
    host = plan.plan.host
    if host is None or not is_hosted(plan, module):
        if secrets:
            raise PlanError("--secret: hpi-run itself asks no service; leave it out")
        return
    from hpi_paddlex import answers, configuration

    configuration.check_secrets(host.pipeline, secrets, plan.plan.external)
    if module is None:
        answers.check_settings(host.pipeline, settings, secrets, plan.plan.external)


def pipeline(
    plan: LocatedPlan,
    module: str | None = None,
    strict: bool = False,
    secrets: Mapping[str, str] = MappingProxyType({}),
    observe: Observer | None = None,
    measure: Timer | None = None,
    keep: Collection[str] = (),
) -> Pipeline:
    """Load a plan.

    Args:
        plan: to load.
        module: the address of one module to run alone, instead of the whole pipeline.
        strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
        secrets: credentials of services that a host asks, by the dotted path of their key in its configuration.
        observe: is told the address, the inputs and the outputs of every run of an engine, in the engine's thread.
        measure: is told how long each took, and of hpi-run's own pipelines every other step.
        keep: of hpi-run's own pipelines, references whose values items still have at the end, see ``NativePipeline``.

    Raises:
        PlanError, PreflightError, PrepareError, EngineError: it cannot be loaded.
    """
    host = plan.plan.host
    if host is None or not is_hosted(plan, module):
        return NativePipeline(plan, module, strict, observe, measure, keep)
    if host.name != PADDLEX:
        raise PlanError(f"this hpi-run knows no host `{host.name}`; known: {PADDLEX}")
    from hpi_paddlex.pipeline import HostedModule, HostedPipeline

    if plan.plan.pipeline.name is None or module is not None:
        return HostedModule(plan, module or next(iter(plan.modules)), strict, observe, measure)
    return HostedPipeline(plan, strict, secrets, observe, measure)


def writer(plan: LocatedPlan, module: str | None = None) -> type[Writer]:
    """Return what writes the results of a plan."""
    if not is_hosted(plan, module):
        from hpi_runtime.results.writer import Writer

        return Writer
    from hpi_paddlex.writer import HostedWriter

    return HostedWriter
