"""The part of a stage graph that one module decides alone, and the values that flow into it, kept in files.

So a candidate is measured on what its module really gets, without the rest of the pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hpi_schemas import tasks
from hpi_schemas.plan.graph import fields
from hpi_schemas.plan.model import Graph, source
from hpi_schemas.values import Value

from hpi_runtime.errors import PlanError
from hpi_runtime.prepare.calibration import read_arrays, write_arrays
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import LocatedPlan

SUFFIX = ".npy"
_ARRAY = "$array"


class Part(NamedTuple):
    """A module's stage and the operations behind it, up to the next module.

    Attributes:
        stage: the module's.
        graph: of these stages.
        refs: the values that flow into them.
        result: where the pipeline's result is, None if another module comes before it.
        fields: of the result: the pipeline's, or the module's for each picture that it gets.
    """

    stage: str
    graph: Graph
    refs: tuple[str, ...]
    result: str | None
    fields: Mapping[str, Value]

    @property
    def gives(self) -> tuple[str, ...]:
        """The references of what comes out of it."""
        return (self.result,) if self.result is not None else tuple(f"{self.stage}.{name}" for name in self.fields)


def is_alone(plan: LocatedPlan, address: str) -> bool:
    """Tell whether a module runs in the graph, and not once for each of many things."""
    return any(stage.module == address for stage in plan.graph.stages.values())


def part(plan: LocatedPlan, address: str) -> Part:
    """Return the part of a plan's graph that a module decides alone.

    Raises:
        PlanError: the module does not run in the graph, or once for each of many things.
    """
    graph = plan.graph
    start = next((name for name, stage in graph.in_order() if stage.module == address), None)
    if start is None:
        raise PlanError(f"{address} does not run in this pipeline, or once for each of many things")
    behind, own = {start}, [start]
    for name, stage in graph.in_order():
        sources = set(stage.sources) & behind
        if not sources:
            continue
        behind.add(name)
        if stage.op is not None and sources <= set(own):
            own.append(name)
    needed = {ref: None for name in own for ref in graph.stages[name].inputs.values()}
    refs = tuple(ref for ref in needed if source(ref) not in own)
    found = replace(graph, order=tuple(own), stages={name: graph.stages[name] for name in own})
    result = graph.outputs["result"]
    if source(result) in own:
        return Part(start, found, refs, result, fields(graph, plan.modules))
    contract = tasks.find(plan.modules[address].module_name)
    return Part(start, found, refs, None, {} if contract is None else contract.gives)


def save(item: Item[Any], refs: tuple[str, ...], name: str, path: Path) -> int:
    """Write the values of an item that a part needs into a file, and return its size in bytes.

    Args:
        item: that went through the whole pipeline.
        refs: of the part.
        name: the path of its input.
        path: the file: arrays in NumPy's format, one behind the other; the first holds the tree as JSON.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _plain({"input": name, "values": {ref: item.values[ref] for ref in refs}}, arrays)
    with path.open("wb") as stream:
        write_arrays(stream, (np.frombuffer(json.dumps(tree).encode(), np.uint8), *arrays))
        return stream.tell()


def load(folder: Path) -> Iterator[Item[str]]:
    """Yield the items of a folder, in order; their source is the path of their input."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        first, *arrays = read_arrays(path)
        tree = _restored(json.loads(first.tobytes()), arrays)
        yield Item(tree["input"], tree["values"])


def _plain(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    """Return a value as JSON knows it; arrays are put aside, and their place is named."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, arrays) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _restored(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        return {key: _restored(item, arrays) for key, item in value.items()}
    return [_restored(item, arrays) for item in value] if isinstance(value, list) else value
