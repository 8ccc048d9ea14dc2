"""The part of a stage graph that one module decides alone, and the values that flow into it, kept in files.

So a candidate is measured on what its module really gets, without the rest of the pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hpi_schemas import tasks
from hpi_schemas.plan.graph import fields, task_names, typed
from hpi_schemas.plan.model import Graph, source
from hpi_schemas.values import RECORD, Value

from hpi_runtime import kinds
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.clips import Clip
from hpi_runtime.inputs.limits import DEFAULT
from hpi_runtime.prepare.calibration import read_arrays, write_arrays
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.series import table

SUFFIX = ".npy"
# What a list in JSON is, by its first element; records may have any keys.
_ARRAY, _CLIP, _LIST, _SAME, _TABLE = "array", "clip", "list", "same", "table"

Array = np.ndarray[Any, Any]


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
    """Return the part of a plan's graph that a module decides alone, as far as what it needs can be kept.

    Raises:
        PlanError: the module does not run in the graph, or once for each of many things.
    """
    graph = plan.graph
    start = next((name for name, stage in graph.in_order() if stage.module == address), None)
    if start is None:
        raise PlanError(f"{address} does not run in this pipeline, or once for each of many things")
    types = typed(graph, task_names(plan.modules))
    behind, own = {start}, [start]
    for name, stage in graph.in_order():
        sources = set(stage.sources) & behind
        if not sources:
            continue
        behind.add(name)
        others = [ref for ref in stage.inputs.values() if source(ref) not in own]
        if stage.op is not None and sources <= set(own) and all(_is_kept(types.get(ref)) for ref in others):
            own.append(name)
    needed = {ref: None for name in own for ref in graph.stages[name].inputs.values()}
    refs = tuple(ref for ref in needed if source(ref) not in own)
    found = replace(graph, order=tuple(own), stages={name: graph.stages[name] for name in own})
    result = graph.outputs["result"]
    if source(result) in own:
        return Part(start, found, refs, result, fields(graph, plan.modules))
    contract = tasks.find(plan.modules[address].module_name)
    return Part(start, found, refs, None, {} if contract is None else contract.gives)


def _is_kept(value: Value | None) -> bool:
    """Tell whether values of a type can be kept; of types that nobody here knows, saving will tell."""
    if value is None:
        return True
    return all(map(_is_kept, value.fields.values())) if value.kind == RECORD else kinds.find(value.kind).is_kept


def save(item: Item[Any], refs: tuple[str, ...], name: str, path: Path) -> int:
    """Write the values of an item that a part needs into a file, and return its size in bytes.

    Args:
        item: that went through the whole pipeline.
        refs: of the part.
        name: the path of its input.
        path: the file: arrays in NumPy's format, one behind the other; the first holds the tree as JSON.
    """
    writer = _Writer()
    tree = writer.plain({"input": name, "values": {ref: item.values[ref] for ref in refs}})
    text = json.dumps(tree, default=_refuse).encode()
    with path.open("wb") as stream:
        write_arrays(stream, (np.frombuffer(text, np.uint8), *writer.arrays))
        return stream.tell()


def load(folder: Path) -> Iterator[Item[str]]:
    """Yield the items of a folder, in order; their source is the path of their input."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        first, *arrays = read_arrays(path)
        tree = _Reader(arrays).restored(json.loads(first.tobytes()))
        yield Item(tree["input"], tree["values"])


def cut(part: Part, item: Item[Any], most: int) -> Item[Any]:
    """Return an item with fewer of the pictures that a module gets of it, evenly spread, and of what there is of each.

    Args:
        part: the module's.
        item: as it was kept.
        most: pictures.
    """
    stage = part.graph.stages[part.stage]
    counts = {len(item.values[reference]) for reference in stage.inputs.values()} if stage.many else {0}
    count = counts.pop()
    if counts or count <= most:
        return item
    places = [number * count // most for number in range(most)]

    def fewer(value: Any) -> Any:
        if isinstance(value, (list, np.ndarray)) and len(value) == count:
            return [value[place] for place in places] if isinstance(value, list) else value[places]
        return value

    return Item(item.source, {reference: fewer(value) for reference, value in item.values.items()})


def _refuse(value: Any) -> Any:
    raise PlanError(f"a {type(value).__name__} cannot be kept in a file: its kind must say `is_kept = False`")


class _Writer:
    """Makes plain JSON of values; arrays, and files as such, are put aside, and their place is named.

    A record that is met again is named by its number: ops look whether two are one.
    """

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self._numbers: dict[int, int] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._aside(_ARRAY, value)
        if isinstance(value, Clip):
            return self._aside(_CLIP, np.frombuffer(value.data, np.uint8))
        if table.is_table(value):
            return self._aside(_TABLE, np.frombuffer(table.to_bytes(value), np.uint8))
        if isinstance(value, Mapping):
            return self._record(value)
        if isinstance(value, (list, tuple)):
            return [_LIST, *map(self.plain, value)]
        return value.item() if isinstance(value, np.generic) else value

    def _aside(self, kind: str, array: Array) -> list[Any]:
        self.arrays.append(array)
        return [kind, len(self.arrays) - 1]

    def _record(self, value: Mapping[Any, Any]) -> Any:
        if id(value) in self._numbers:
            return [_SAME, self._numbers[id(value)]]
        self._numbers[id(value)] = len(self._numbers)
        return {str(key): self.plain(item) for key, item in value.items()}


class _Reader:
    """Makes values again of what a ``_Writer`` made of them."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._records: list[dict[str, Any]] = []
        self._kinds: Mapping[str, Callable[..., Any]] = {
            _ARRAY: lambda place: arrays[place],
            _CLIP: lambda place: Clip(arrays[place].tobytes(), "a recorded video", DEFAULT),
            _LIST: lambda *items: [self.restored(item) for item in items],
            _SAME: lambda number: self._records[number],
            _TABLE: lambda place: table.parse(arrays[place].tobytes(), "a recorded table"),
        }

    def restored(self, value: Any) -> Any:
        if isinstance(value, list):
            kind, *told = value
            return self._kinds[kind](*told)
        if not isinstance(value, dict):
            return value
        # It is counted before what is in it, as it was when it was written.
        record: dict[str, Any] = {}
        self._records.append(record)
        record.update((key, self.restored(item)) for key, item in value.items())
        return record
