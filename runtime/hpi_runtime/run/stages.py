"""The stages of a plan's graph as workers of the executor.

A worker ends where batches are handed to an engine; the next one waits for its answers. So an
engine runs one batch while the next is made ready and the last is read, within one picture and
over several.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from hpi_schemas.plan.model import Graph, Stage

from hpi_runtime import ops
from hpi_runtime.engines.base import Arrays, Engine
from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.modules.base import Batch, Module, OutputError
from hpi_runtime.run.executor import Item, Worker, each, no_threads

# Is called with a module's address, the arrays that went in, and those that came out.
Observer = Callable[[str, Arrays, Arrays], None]
# Is called with a module's address or an operation's stage, what it did (one of the kinds below), and the seconds.
Timer = Callable[[str, str, float], None]
# Waits for what the engine makes of a batch.
Answer = Callable[[], Batch]
_IMAGE = "image"
DECODE, PREPROCESS, INFERENCE, POSTPROCESS, GLUE = "decode", "preprocess", "inference", "postprocess", "glue"


class Runner:
    """Runs batches on an engine, as many at a time as it has streams. Use it in a ``with`` statement."""

    def __init__(self, address: str, engine: Engine, observe: Observer | None, measure: Timer | None) -> None:
        """Take the engine of a module, and start its threads.

        Raises:
            EngineError: the system starts no more threads.
        """
        self.address = address
        self.engine = engine
        self._observe = observe
        self._measure = measure
        self._input, self.output = engine.inputs[0].name, engine.outputs[0]
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

    def submit(self, batch: Batch) -> Answer:
        """Run a batch soon, in a thread of the engine's."""
        return self._pool.submit(self.run, batch).result

    def run(self, batch: Batch) -> Batch:
        """Return the first output of the model for a batch."""
        arrays: Arrays = {self._input: batch}
        started = time.perf_counter()
        outputs = self.engine.run(arrays)
        if self._measure is not None:
            self._measure(self.address, INFERENCE, time.perf_counter() - started)
        if self._observe is not None:
            self._observe(self.address, arrays, outputs)
        return outputs[self.output]

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def workers(
    graph: Graph,
    loaded: Mapping[str, tuple[Module, Runner]],
    measure: Timer | None,
    is_alone: bool = False,
) -> list[Worker]:
    """Return the workers of a stage graph.

    Args:
        graph: the plan's, or one made for a single module.
        loaded: the task and the engine of each module, by address.
        measure: is told how long each step took, in the thread that took it; None costs nothing.
        is_alone: one input goes through all of them before the next: a single batch then runs in the caller's thread.

    Raises:
        PlanError: nobody here knows an operation.
    """
    found: list[Worker] = []
    steps: list[Worker] = []
    for name, stage in graph.in_order():
        address = stage.module
        if address is None:
            steps.append(_timed(each(_op(name, stage)), name, GLUE, measure))
            continue
        task = _Task(name, address, stage, *loaded[address], measure, is_alone)
        found.append(_in_turn([*steps, _timed(task.begin, address, PREPROCESS, measure)]))
        steps = [task.finish]
    return [*found, _in_turn(steps)]


def group_size(graph: Graph, loaded: Mapping[str, tuple[Module, Runner]]) -> int:
    """Return how many inputs the modules that take one picture of each want to see together: the largest batch."""
    addresses = (stage.module for stage in graph.stages.values() if _IMAGE in stage.inputs)
    return max((loaded[address][0].batch_size for address in addresses if address is not None), default=1)


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


def _op(name: str, stage: Stage) -> Callable[[Item[Any]], None]:
    run = ops.find(str(stage.op))
    if run is None:
        raise PlanError(f"this hpi-run does not know the operation {stage.op}")

    def work(item: Item[Any]) -> None:
        inputs = {port: item.values[ref] for port, ref in stage.inputs.items()}
        for port, value in run(inputs, stage.params).items():
            item.values[f"{name}.{port}"] = value

    return work


class _Task:
    """A module's stage: ``begin`` hands batches to the engine, ``finish`` makes values of its answers.

    A module that takes one picture of each input gets those of a whole group, which share batches. One that takes
    several (the lines of a page) gets them input by input: a page's result does not depend on its neighbours.
    """

    def __init__(
        self,
        name: str,
        address: str,
        stage: Stage,
        module: Module,
        runner: Runner,
        measure: Timer | None,
        is_alone: bool,
    ) -> None:
        self._name = name
        self._address = address
        port, self._ref = next(iter(stage.inputs.items()))
        self._takes_one = port == _IMAGE
        self._module = module
        self._runner = runner
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
        values = [item.values[self._ref] for item in items]
        prepared = self._module.preprocess(values if self._takes_one else values[0])
        items[0].values[self._name] = _Submitted(items, self._answers(prepared.batches), prepared.context)

    def _answers(self, batches: Iterable[Batch]) -> list[Answer]:
        if self._is_alone and isinstance(batches, Sequence) and len(batches) == 1:
            # Nothing runs beside it, and another thread would begin with cold caches.
            return [partial(self._runner.run, batches[0])]
        # Batches may be made one by one: the first runs while the second is made.
        return [self._runner.submit(batch) for batch in batches]

    def _read(self, submitted: _Submitted) -> None:
        started = time.perf_counter()
        answers = _Answers(submitted.answers)
        values = self._postprocessed(answers, submitted.context)
        for place, item in enumerate(submitted.items):
            own: dict[str, Any] = {port: value[place] for port, value in values.items()} if self._takes_one else values
            result = {"result": self._module.result(own)} if self._takes_one else {}
            item.values |= {f"{self._name}.{port}": value for port, value in {**own, **result}.items()}
        if self._measure is not None:
            self._measure(self._address, POSTPROCESS, time.perf_counter() - started - answers.waited)

    def _postprocessed(self, answers: _Answers, context: Any) -> dict[str, Any]:
        try:
            return self._module.postprocess(answers, context)
        except OutputError as fault:
            message = f"{self._address}: the model's output `{self._runner.output}` {fault}"
            raise InputError("OUTPUT_INVALID", message) from None

    def _alone(self, item: Item[Any]) -> None:
        self._submit([item])
        self._read(item.values.pop(self._name))


class _Submitted(NamedTuple):
    """Batches on their way through an engine, whose they are, and what postprocessing needs to know of them."""

    items: Sequence[Item[Any]]
    answers: list[Answer]
    context: Any


class _Answers:
    """Gives answers as they come and lets go of each, for those of a recogniser are large; counts the waiting."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers[::-1]
        answers.clear()
        self.waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        while self._answers:
            started = time.perf_counter()
            answer = self._answers.pop()()
            self.waited += time.perf_counter() - started
            yield answer
