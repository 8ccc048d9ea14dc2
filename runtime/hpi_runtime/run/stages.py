"""The stages of a plan's graph as workers of the executor.

A worker ends where batches are handed to an engine; the next one waits for its answers. So an
engine runs one batch while the next is made ready and the last is read, within one picture and
over several.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from hpi_schemas.plan.graph import RESULT
from hpi_schemas.plan.model import INPUT, Graph, Stage
from hpi_schemas.tasks.binding import Binding

from hpi_runtime import ops
from hpi_runtime.engines.base import Arrays, Engine
from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.run.executor import Item, Worker, advance, each, no_threads
from hpi_runtime.tasks.base import Arrays as Roles
from hpi_runtime.tasks.base import OutputError, Task

# Is called with a module's address, the arrays that went in, and those that came out.
Observer = Callable[[str, Arrays, Arrays], None]
# Is called with a module's address or an operation's stage, what it did (one of the kinds below), and the seconds.
Timer = Callable[[str, str, float], None]
# Waits for what the engine makes of a batch: the outputs of its model, by role.
Answer = Callable[[], Roles]
DECODE, PREPROCESS, INFERENCE, POSTPROCESS, GLUE = "decode", "preprocess", "inference", "postprocess", "glue"


class Runner:
    """Runs batches on an engine, as many at a time as it has streams. Use it in a ``with`` statement."""

    def __init__(
        self,
        address: str,
        engine: Engine,
        binding: Binding,
        observe: Observer | None,
        measure: Timer | None,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Take the engine of a module, and start its threads, or take those of another that has the same engine.

        Raises:
            EngineError: the system starts no more threads.
        """
        self.address = address
        self.engine = engine
        self.binding = binding
        self._observe = observe
        self._measure = measure
        if pool is not None:
            self._pool = pool
            return
        self._pool = ThreadPoolExecutor(engine.streams, f"hpi-{address}")
        together = threading.Barrier(engine.streams)
        try:
            # A pool starts its threads when they are first needed, when it is too late to say that there are none.
            for started in [self._pool.submit(together.wait) for _ in range(engine.streams)]:
                started.result()
        except RuntimeError as fault:
            together.abort()
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise no_threads(fault) from None

    def shared(self, address: str, binding: Binding, observe: Observer | None, measure: Timer | None) -> Runner:
        """Return a runner of another module with the same engine, in the same threads; this one ends them."""
        return Runner(address, self.engine, binding, observe, measure, self._pool)

    def submit(self, batch: Roles) -> Answer:
        """Run a batch soon, in a thread of the engine's."""
        return self._pool.submit(self.run, batch).result

    def run(self, batch: Roles) -> Roles:
        """Return the outputs of the model for a batch, both by role."""
        arrays: Arrays = {name: batch[role] for role, name in self.binding.inputs.items()}
        started = time.perf_counter()
        outputs = self.engine.run(arrays)
        if self._measure is not None:
            self._measure(self.address, INFERENCE, time.perf_counter() - started)
        if self._observe is not None:
            self._observe(self.address, arrays, outputs)
        return {role: outputs[name] for role, name in self.binding.outputs.items()}

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


class Loaded(NamedTuple):
    """A module that can run: what it does, and what its model runs on."""

    task: Task
    runner: Runner


def workers(
    graph: Graph,
    loaded: Mapping[str, Loaded],
    measure: Timer | None,
    is_alone: bool = False,
    keep: Collection[str] = (),
) -> list[Worker]:
    """Return the workers of a stage graph.

    Args:
        graph: the plan's, or one made for a single module.
        loaded: the modules, by address.
        measure: is told how long each step took, in the thread that took it; None costs nothing.
        is_alone: one input goes through all of them before the next: a single batch then runs in the caller's thread.
        keep: references whose values items still have at the end, beside the graph's outputs; all others are freed
            when nobody needs them any more.

    Raises:
        PlanError: nobody here knows an operation.
    """
    found: list[Worker] = []
    steps: list[Worker] = []
    for worker, is_last in _steps(graph, loaded, measure, is_alone, keep):
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
    graph: Graph, loaded: Mapping[str, Loaded], measure: Timer | None, is_alone: bool, keep: Collection[str]
) -> Iterator[tuple[Worker, bool]]:
    """Yield what is done with items, in order, and whether a worker ends with it."""
    needed = _needed(graph, keep)
    for name, stage in graph.in_order():
        gives = frozenset(ref for ref in needed if ref.rpartition(".")[0] == name)
        if stage.each is not None:
            nest = _Nest(name, stage, stage.each)
            yield each(nest.open), False
            for worker, is_last in _steps(stage.each, loaded, measure, is_alone, ()):
                yield nest.inside(worker), is_last
            yield each(nest.close), False
        elif stage.module is None:
            yield _timed(each(_op(name, stage, gives)), name, GLUE, measure), False
        else:
            run = _Run(name, stage, gives, loaded[stage.module], measure, is_alone)
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
        item.values[self._name] = [Item(item.source, dict(zip(lists, values, strict=True))) for values in elements]

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
        measure(name, kind, time.perf_counter() - started)

    return work


def _in_turn(steps: list[Worker]) -> Worker:
    def work(items: Sequence[Item[Any]]) -> None:
        for step in steps:
            step([item for item in items if item.error is None])

    return work


def _op(name: str, stage: Stage, gives: frozenset[str]) -> Callable[[Item[Any]], None]:
    run = ops.find(str(stage.op))
    if run is None:
        raise PlanError(f"this hpi-run does not know the operation {stage.op}")

    def work(item: Item[Any]) -> None:
        inputs = {port: item.values[ref] for port, ref in stage.inputs.items()}
        _give(item, name, run(inputs, stage.params), gives)

    return work


def _give(item: Item[Any], name: str, values: Mapping[str, Any], gives: frozenset[str]) -> None:
    """Put what a stage made into an item, as far as somebody needs it."""
    for port, value in values.items():
        if f"{name}.{port}" in gives:
            item.values[f"{name}.{port}"] = value


class _Run:
    """A module's stage: ``begin`` hands batches to the engine, ``finish`` makes values of its answers.

    A module that takes one picture of each input gets those of a whole group, which share batches. One that takes
    several (the lines of a page) gets them input by input: a page's result does not depend on its neighbours.
    """

    def __init__(
        self,
        name: str,
        stage: Stage,
        gives: frozenset[str],
        loaded: Loaded,
        measure: Timer | None,
        is_alone: bool,
    ) -> None:
        self._name = name
        self._address = str(stage.module)
        self._inputs = stage.inputs
        self._takes_one = not stage.many
        self._gives = gives
        self._task, self._runner = loaded
        self._measure = measure
        self._is_alone = is_alone

    def begin(self, items: Sequence[Item[Any]]) -> None:
        """Preprocess and submit; the first of the items that share batches carries what is on its way."""
        if self._takes_one and len(items) > 1:
            # If one of them is bad, each goes by itself, and the others go on.
            with suppress(Exception):
                return self._submit(items)
        return each(lambda item: self._submit([item]))(items)

    def finish(self, items: Sequence[Item[Any]]) -> None:
        """Wait for the answers and postprocess them."""
        for item in items:
            submitted: _Submitted | None = item.values.pop(self._name, None)
            # None: it shares the batches of one before it.
            if submitted is not None:
                self._finish(submitted)

    def _finish(self, submitted: _Submitted) -> None:
        if len(submitted.items) == 1:
            return each(lambda _: self._read(submitted))(submitted.items)
        with suppress(Exception):
            return self._read(submitted)
        return each(self._alone)(submitted.items)

    def _submit(self, items: Sequence[Item[Any]]) -> None:
        values = {port: [item.values[ref] for item in items] for port, ref in self._inputs.items()}
        if not self._takes_one:
            values = {port: lists[0] for port, lists in values.items()}
        feeds = self._task.feeds(values)
        items[0].values[self._name] = _Submitted(items, self._answers(feeds.batches), feeds.context)

    def _answers(self, batches: Iterable[Roles]) -> list[Answer]:
        if self._is_alone and isinstance(batches, Sequence) and len(batches) == 1:
            # Nothing runs beside it, and another thread would begin with cold caches.
            return [partial(self._runner.run, batches[0])]
        # Batches may be made one by one: the first runs while the second is made.
        return [self._runner.submit(batch) for batch in batches]

    def _read(self, submitted: _Submitted) -> None:
        started = time.perf_counter()
        answers = _Answers(submitted.answers)
        values = self._values(answers, submitted.context)
        for place, item in enumerate(submitted.items):
            own: dict[str, Any] = {port: value[place] for port, value in values.items()} if self._takes_one else values
            _give(item, self._name, {**own, RESULT: own}, self._gives)
        if self._measure is not None:
            self._measure(self._address, POSTPROCESS, time.perf_counter() - started - answers.waited)

    def _values(self, answers: _Answers, context: Any) -> dict[str, list[Any]]:
        try:
            return self._task.read(answers, context)
        except OutputError as fault:
            message = f"{self._address}: the model's output `{self._runner.binding.outputs[fault.role]}` {fault}"
            raise InputError("OUTPUT_INVALID", message) from None

    def _alone(self, item: Item[Any]) -> None:
        self._submit([item])
        self._read(item.values.pop(self._name))


class _Submitted(NamedTuple):
    """Batches on their way through an engine, whose they are, and what reading the answers needs to know of them."""

    items: Sequence[Item[Any]]
    answers: list[Answer]
    context: Any


class _Answers:
    """Gives answers as they come and lets go of each, for those of a recogniser are large; counts the waiting."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers[::-1]
        answers.clear()
        self.waited = 0.0

    def __iter__(self) -> Iterator[Roles]:
        while self._answers:
            started = time.perf_counter()
            answer = self._answers.pop()()
            self.waited += time.perf_counter() - started
            yield answer
