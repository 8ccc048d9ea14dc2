"""What the schema cannot say of a plan's stage graph: that its parts refer to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def broken_graph(plan: Mapping[str, Any]) -> str | None:
    """Return what in a plan's stage graph refers to nothing, or None if all of it fits together.

    Args:
        plan: valid by its schema.
    """
    graph = plan["graph"]
    if graph is None:
        return None
    stages, done = graph["stages"], {"input"}
    if sorted(graph["order"]) != sorted(stages):
        return "`graph.order` does not name every stage once"
    for name in graph["order"]:
        stage = stages[name]
        if "module" in stage and stage["module"] not in plan["modules"]:
            return f"the stage `{name}` runs the module `{stage['module']}`, which the plan does not have"
        if "module" in stage and len(stage["inputs"]) != 1:
            return f"the stage `{name}` must have one input"
        for ref in stage["inputs"].values():
            if ref.rpartition(".")[0] not in done:
                return f"the stage `{name}` needs `{ref}`, which no stage before it gives"
        done.add(name)
    for output in ("image", "result"):
        if graph["outputs"].get(output, "").rpartition(".")[0] not in done:
            return f"`graph.outputs.{output}` refers to no stage"
    return None
