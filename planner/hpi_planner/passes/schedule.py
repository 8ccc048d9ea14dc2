"""schedule: which modules really run, in which order, and what flows between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hpi_schemas.plan.graph import typed
from hpi_schemas.plan.model import of_one
from hpi_schemas.tasks import find, runnable

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, has_errors, warning
from hpi_planner.ir import Ir, Module
from hpi_planner.paddlex import graph

_ELSEWHERE = "the plan is good for review, and for whatever else executes it"


@dataclass(frozen=True)
class Schedule:
    """Builds the stage graph."""

    name: str = "schedule"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``graph``; a pipeline without a native one has None."""
        if ir.tree is None or has_errors(ir.diagnostics) or not ir.modules:
            return ir
        if ir.pipeline is None:
            alone = of_one(ir.modules[0].address)
            return replace(ir, graph=alone).report(*_unknown(ir.modules[0]))
        builder = graph.build(ir.pipeline, ir.modules)
        tasks = {module.address: module.module_name for module in ir.modules}
        if builder.missing:
            message = (
                f"hpi-run has no stage graph for {builder.missing}, and cannot run it as a whole; {runnable(tasks)}"
            )
            label = Label(ir.tree.span(("pipeline_name",)))
            return ir.report(warning(Code.GRAPH_MISSING, message, label, help=_ELSEWHERE))
        found = builder.graph(graph.drawing(ir.pipeline))
        # A wire that does not fit is a fault of the pipeline's data, not of the user's.
        typed(found, tasks)
        return replace(ir, graph=found)


def _unknown(module: Module) -> list[Diagnostic]:
    """Return a warning where nobody here runs the task of a single module."""
    if find(module.module_name) is not None:
        return []
    told = runnable({module.address: module.module_name})
    return [warning(Code.TASK_UNKNOWN, told, *module.origins["model_name"].labels(), help=_ELSEWHERE)]


def has_graph(ir: Ir) -> bool:
    """Tell whether the runner has a stage graph for the pipeline; for a module file it always has."""
    return ir.pipeline is None or not graph.build(ir.pipeline, ir.modules).missing
