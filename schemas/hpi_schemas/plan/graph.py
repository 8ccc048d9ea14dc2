"""What the schema cannot say of a stage graph: that its parts refer to each other."""

from __future__ import annotations

from hpi_schemas.plan.model import INPUT, Plan, source


def broken(plan: Plan) -> str | None:
    """Return what in a plan's stage graph refers to nothing, or None if all of it fits together."""
    graph = plan.graph
    if graph is None:
        return None
    if sorted(graph.order) != sorted(graph.stages):
        return "`graph.order` does not name every stage once"
    done = {INPUT}
    for name, stage in graph.in_order():
        if stage.module is not None and stage.module not in plan.modules:
            return f"the stage `{name}` runs the module `{stage.module}`, which the plan does not have"
        if stage.module is not None and len(stage.inputs) != 1:
            return f"the stage `{name}` must have one input"
        for reference in stage.inputs.values():
            if source(reference) not in done:
                return f"the stage `{name}` needs `{reference}`, which no stage before it gives"
        done.add(name)
    for output in ("image", "result"):
        if source(graph.outputs.get(output, "")) not in done:
            return f"`graph.outputs.{output}` refers to no stage"
    return None
