"""schedule: which modules really run, in which order, and what flows between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hpi_schemas.plan.graph import of_one, typed
from hpi_schemas.tasks import find

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, has_errors, warning
from hpi_planner.ir import Ir
from hpi_planner.paddlex import definitions, graph

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
            module = ir.modules[0]
            return replace(ir, graph=of_one(module.address, module.module_name)) if is_native(ir) else ir
        builder = graph.build(ir.pipeline, ir.modules, ir.external)
        tasks = {module.address: module.module_name for module in ir.modules}
        if builder.missing or _unserved(ir):
            return ir
        found = builder.graph(graph.drawing(ir.pipeline))
        # A wire that does not fit is a fault of the pipeline's data, not of the user's.
        typed(found, tasks)
        return replace(ir, graph=found).report(*_unknown_indexes(ir))


def _unknown_indexes(ir: Ir) -> Iterator[Diagnostic]:
    """Yield, for each index of features that nobody has named, what it takes to have one."""
    assert ir.pipeline is not None and ir.tree is not None
    for key in definitions.load(ir.pipeline.name).indexes:
        if key not in ir.external:
            message = f"`{ir.pipeline.name}` looks up in an index what it finds, and `{key}` names none"
            help = f"`hpi-index build` makes one with this plan; plan again with `-o {key}=FOLDER`"
            yield warning(Code.INDEX_MISSING, message, Label(ir.tree.span(("pipeline_name",))), help=help)


def lacking(ir: Ir) -> str | None:
    """Return, in words, what the runner lacks to run it natively; None if it lacks nothing."""
    if ir.pipeline is not None:
        missing = graph.build(ir.pipeline, ir.modules, ir.external).missing
        return f"hpi-run has no stage graph for {missing}" if missing else _unserved(ir)
    unknown = [module.module_name for module in ir.modules if find(module.module_name) is None]
    return f"hpi-run does not know the task `{unknown[0]}`" if unknown else _unserved(ir)


def _unserved(ir: Ir) -> str | None:
    """Return, in words, which model is of another kind than its task's others; None if none is."""
    for module in ir.modules:
        contract = find(module.module_name)
        if contract is not None and module.model_name in contract.unserved:
            return f"hpi-run does not know what `{module.model_name}` gives"
    return None


def is_native(ir: Ir) -> bool:
    """Tell whether the runner's own stage graph runs the pipeline."""
    return ir.asked_host is None and lacking(ir) is None
