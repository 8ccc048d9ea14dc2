"""The stages of a plan's graph as workers of the executor.

A worker ends where batches are handed to an engine; the next one waits for its answers. So an
engine runs one batch while the next is made ready and the last is read, within one picture and
over several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hpi_schemas.plan.model import INPUT, Graph, Stage

from hpi_runtime import ops
from hpi_runtime.errors import PlanError
from hpi_runtime.run.executor import Item, Worker, advance, each, owners
from hpi_runtime.run.folders import Held, params
from hpi_runtime.run.module_stage import Loaded, ModuleStage, give
from hpi_runtime.run.runner import GLUE, PREPROCESS, Timer


def workers(
    graph: Graph,
    loaded: Mapping[str, Loaded],
    measure: Timer | None,
    is_alone: bool = False,
    keep: Collection[str] = (),
    held: Held = MappingProxyType({}),
) -> list[Worker]:
    """Return the workers of a stage graph.

    Args:
        graph: the plan's, or one made for a single module.
        loaded: the modules, by address.
        measure: is told how long each step took, in the thread that took it; None costs nothing.
        is_alone: one input goes through all of them before the next: a single batch then runs in the caller's thread.
        keep: references whose values items still have at the end, beside the graph's outputs; all others are freed
            when nobody needs them any more.
        held: what operations read of folders.

    Raises:
        PlanError: nobody here knows an operation.
    """
    found: list[Worker] = []
    steps: list[Worker] = []
    for worker, is_last in _steps(graph, loaded, measure, is_alone, keep, held):
        steps.append(worker)
        if is_last:
            found.append(_in_turn(steps))
            steps = []
    return [*found, _in_turn(steps)]


def group_size(graph: Graph, loaded: Mapping[str, Loaded]) -> int:
    """Return how many inputs the modules that take one picture of each want to see together: the largest batch."""
    stages = (stage for stage in graph.stages.values() if stage.module is not None and not stage.many)
    return max((loaded[str(stage.module)].task.batch_size for stage in stages), default=1)


def _steps(
    graph: Graph,
    loaded: Mapping[str, Loaded],
    measure: Timer | None,
    is_alone: bool,
    keep: Collection[str],
    held: Held,
) -> Iterator[tuple[Worker, bool]]:
    """Yield what is done with items, in order, and whether a worker ends with it."""
    needed = _needed(graph, keep)
    for name, stage in graph.in_order():
        gives = frozenset(ref for ref in needed if ref.rpartition(".")[0] == name)
        if stage.each is not None:
            nest = _Nest(name, stage, stage.each)
            yield each(nest.open), False
            for worker, is_last in _steps(stage.each, loaded, measure, is_alone, (), held):
                yield nest.inside(worker), is_last
            yield each(nest.close), False
        elif stage.module is None:
            yield _timed(each(_op(name, stage, gives, held)), name, GLUE, measure), False
        else:
            run = ModuleStage(name, stage, gives, loaded[stage.module], measure, is_alone)
            yield _timed(run.begin, stage.module, PREPROCESS, measure), True
            yield run.finish, False
        done = frozenset(ref for ref, last in needed.items() if last == name)
        if done:
            yield _free(done), False


def _needed(graph: Graph, keep: Collection[str]) -> dict[str, str | None]:
    """Return for each reference that somebody needs the last stage that does; None is the end."""
    needed: dict[str, str | None] = {}
    for name, stage in graph.in_order():
        needed |= dict.fromkeys(stage.inputs.values(), name)
    return needed | dict.fromkeys((*graph.outputs.values(), *keep), None)


def _free(refs: frozenset[str]) -> Worker:
    def work(items: Sequence[Item[Any]]) -> None:
        for item in items:
            for ref in refs:
                item.values.pop(ref, None)

    return work


class _Nest:
    """A graph that runs for each element of a list: the elements of an input are items of their own, and one group.

    Modules that take one picture batch over them; the elements of two inputs never share a batch.
    """

    def __init__(self, name: str, stage: Stage, graph: Graph) -> None:
        self._name = name
        self._inputs = stage.inputs
        self._outputs = graph.outputs

    def open(self, item: Item[Any]) -> None:
        """Make an item of each element."""
        lists = {f"{INPUT}.{port}": item.values[ref] for port, ref in self._inputs.items()}
        elements = zip(*lists.values(), strict=True)
        item.values[self._name] = [
            Item(item.source, dict(zip(lists, values, strict=True)), owner=item.owner) for values in elements
        ]

    def inside(self, worker: Worker) -> Worker:
        """Return a worker that does with the elements of each item what another does with items."""

        def work(items: Sequence[Item[Any]]) -> None:
            for item in items:
                elements: list[Item[Any]] = item.values[self._name]
                advance(worker, elements)
                # Parts of a result are no result.
                item.error = next((element.error for element in elements if element.error is not None), None)

        return work

    def close(self, item: Item[Any]) -> None:
        """Make lists of what came out of the elements."""
        elements: list[Item[Any]] = item.values.pop(self._name)
        for port, ref in self._outputs.items():
            item.values[f"{self._name}.{port}"] = [element.values[ref] for element in elements]


def _timed(worker: Worker, name: str, kind: str, measure: Timer | None) -> Worker:
    if measure is None:
        return worker

    def work(items: Sequence[Item[Any]]) -> None:
        started = time.perf_counter()
        worker(items)
        measure(name, kind, time.perf_counter() - started, owners(items))

    return work


def _in_turn(steps: list[Worker]) -> Worker:
    def work(items: Sequence[Item[Any]]) -> None:
        for step in steps:
            step([item for item in items if item.error is None])

    return work


def _op(name: str, stage: Stage, gives: frozenset[str], held: Held) -> Callable[[Item[Any]], None]:
    run = ops.find(str(stage.op))
    if run is None:
        raise PlanError(f"this hpi-run does not know the operation {stage.op}")
    given = params(stage, held)

    def work(item: Item[Any]) -> None:
        inputs = {port: item.values[ref] for port, ref in stage.inputs.items()}
        give(item, name, run(inputs, given), gives)

    return work
