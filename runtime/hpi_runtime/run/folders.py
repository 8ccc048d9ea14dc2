"""What operations read of folders that the plan names: loaded once, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hpi_schemas import ops as contracts
from hpi_schemas.plan.model import Graph, Stage

from hpi_runtime import ops

# By operation and address; None is the address where the plan names nothing.
Held = Mapping[tuple[str, str | None], Any]


def named(graph: Graph) -> Iterator[tuple[str, str | None]]:
    """Yield each operation of a graph that reads a folder, with the address of what that folder is."""
    for _, stage in graph.in_order():
        if stage.each is not None:
            yield from named(stage.each)
        parameter = _parameter(stage)
        if parameter is not None:
            yield str(stage.op), stage.params[parameter]


def load(graph: Graph, folders: Mapping[str, Path]) -> Held:
    """Load what the operations of a graph read.

    Args:
        graph: of the plan.
        folders: that were checked, by address.

    Raises:
        PlanError: an operation needs a folder, and the plan names none, or it cannot be read.
    """
    found: dict[tuple[str, str | None], Any] = {}
    for op, address in named(graph):
        read = ops.loader(op)
        if read is not None:
            found[op, address] = read(None if address is None else folders[address])
    return found


def params(stage: Stage, held: Held) -> Mapping[str, Any]:
    """Return the parameters of an operation, with what was loaded in the place of its address."""
    parameter = _parameter(stage)
    if parameter is None:
        return stage.params
    return {**stage.params, parameter: held.get((str(stage.op), stage.params[parameter]))}


def _parameter(stage: Stage) -> str | None:
    contract = None if stage.op is None else contracts.find(stage.op)
    return None if contract is None else contract.folder or None
