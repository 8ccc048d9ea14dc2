"""schedule: which modules really run, in which order, and what flows between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hpi_schemas.plan.graph import typed
from hpi_schemas.plan.model import of_one
from hpi_schemas.tasks import find, runnable

from hpi_planner.diagnostics.model import Code, Diagnostic, has_errors, warning
from hpi_planner.ir import Ir, Module
from hpi_planner.paddlex import graph

ELSEWHERE = "the plan is good for review, and for whatever else executes it"


@dataclass(frozen=True)
class Schedule:
    """Builds the stage graph."""

    name: str = "schedule"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``graph``; a pipeline without a native one has None."""
        if ir.tree is None or has_errors(ir.diagnostics) or not ir.modules:
            return ir
        if ir.asked_host is not None:
            return ir
        if ir.pipeline is None:
            alone = of_one(ir.modules[0].address)
            return replace(ir, graph=alone).report(*_unknown(ir.modules[0]))
        builder = graph.build(ir.pipeline, ir.modules)
        tasks = {module.address: module.module_name for module in ir.modules}
        if builder.missing:
            return ir
        found = builder.graph(graph.drawing(ir.pipeline))
        # A wire that does not fit is a fault of the pipeline's data, not of the user's.
        typed(found, tasks)
        return replace(ir, graph=found)


def _unknown(module: Module) -> list[Diagnostic]:
    """Return a warning where nobody here runs the task of a single module."""
    if find(module.module_name) is not None:
        return []
    told = runnable({module.address: module.module_name})
    return [warning(Code.TASK_UNKNOWN, told, *module.origins["model_name"].labels(), help=ELSEWHERE)]


def missing(ir: Ir) -> str | None:
    """Return, in words, for what the runner has no stage graph; None if it has one, and for a module file."""
    return None if ir.pipeline is None else graph.build(ir.pipeline, ir.modules).missing or None


def is_native(ir: Ir) -> bool:
    """Tell whether the runner's own stage graph runs the pipeline."""
    return ir.asked_host is None and missing(ir) is None
