"""The stages of a plan's graph as workers of the executor.

A worker ends where batches are handed to an engine; the next one waits for its answers. So an
engine runs one batch while the next is made ready and the last is read, within one picture and
over several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from hpi_runtime import ops
from hpi_runtime.engines.base import Arrays, Engine
from hpi_runtime.errors import PlanError
from hpi_runtime.executor import Item, Worker
from hpi_runtime.modules.base import Batch, Module

# Is called with a module's address, the arrays that went in, and those that came out.
Observer = Callable[[str, Arrays, Arrays], None]
# Is called with a module's address or an operation's stage, what it did (one of the kinds below), and the seconds.
Timer = Callable[[str, str, float], None]
DECODE, PREPROCESS, INFERENCE, POSTPROCESS, GLUE = "decode", "preprocess", "inference", "postprocess", "glue"


class Submitted(NamedTuple):
    """Batches on their way through an engine, and what postprocessing needs to know of them."""

    answers: list[Future[Batch]]
    context: Any


class Runner:
    """Runs batches on an engine, as many at a time as it has streams. Use it in a ``with`` statement."""

    def __init__(self, address: str, engine: Engine, observe: Observer | None, measure: Timer | None) -> None:
        """Take the engine of a module."""
        self.address = address
        self.engine = engine
        self._observe = observe
        self._measure = measure
        self._input, self._output = engine.inputs[0].name, engine.outputs[0]
        self._pool = ThreadPoolExecutor(engine.streams, f"hpi-{address}")

    def submit(self, batch: Batch) -> Future[Batch]:
        """Return the first output of the model for a batch, soon."""
        return self._pool.submit(self._run, batch)

    def _run(self, batch: Batch) -> Batch:
        arrays: Arrays = {self._input: batch}
        started = time.perf_counter()
        outputs = self.engine.run(arrays)
        if self._measure is not None:
            self._measure(self.address, INFERENCE, time.perf_counter() - started)
        if self._observe is not None:
            self._observe(self.address, arrays, outputs)
        return outputs[self._output]

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def workers(
    graph: Mapping[str, Any], loaded: Mapping[str, tuple[Module, Runner]], measure: Timer | None
) -> list[Worker]:
    """Return the workers of a stage graph.

    Args:
        graph: the plan's, or one made for a single module.
        loaded: the task and the engine of each module, by address.
        measure: is told how long each step took, in the thread that took it; None costs nothing.

    Raises:
        PlanError: nobody here knows an operation.
    """
    found: list[Worker] = []
    steps: list[Worker] = []
    for name in graph["order"]:
        stage = graph["stages"][name]
        if "op" in stage:
            steps.append(_timed(_op(name, stage), name, GLUE, measure))
            continue
        module, runner = loaded[stage["module"]]
        before = _before(name, stage, module, runner)
        found.append(_in_turn([*steps, _timed(before, stage["module"], PREPROCESS, measure)]))
        steps = [_after(name, stage, module, measure)]
    return [*found, _in_turn(steps)]


def _timed(worker: Worker, name: str, kind: str, measure: Timer | None) -> Worker:
    if measure is None:
        return worker

    def work(item: Item[Any]) -> None:
        started = time.perf_counter()
        worker(item)
        measure(name, kind, time.perf_counter() - started)

    return work


def _in_turn(steps: list[Worker]) -> Worker:
    def work(item: Item[Any]) -> None:
        for step in steps:
            step(item)

    return work


def _op(name: str, stage: Mapping[str, Any]) -> Worker:
    run = ops.find(stage["op"])
    if run is None:
        raise PlanError(f"this hpi-run does not know the operation {stage['op']}")

    def work(item: Item[Any]) -> None:
        inputs = {port: item.values[ref] for port, ref in stage["inputs"].items()}
        for port, value in run(inputs, stage["params"]).items():
            item.values[f"{name}.{port}"] = value

    return work


def _before(name: str, stage: Mapping[str, Any], module: Module, runner: Runner) -> Worker:
    port, ref = next(iter(stage["inputs"].items()))

    def work(item: Item[Any]) -> None:
        value = item.values[ref]
        prepared = module.preprocess([value] if port == "image" else value)
        # Batches may be made one by one: the first runs while the second is made.
        item.values[name] = Submitted([runner.submit(batch) for batch in prepared.batches], prepared.context)

    return work


def _after(name: str, stage: Mapping[str, Any], module: Module, measure: Timer | None) -> Worker:
    is_single = "image" in stage["inputs"]

    def work(item: Item[Any]) -> None:
        submitted: Submitted = item.values.pop(name)
        started = time.perf_counter()
        answers = _Answers(submitted.answers)
        values: dict[str, Any] = module.postprocess(answers, submitted.context)
        if is_single:
            values = {port: value[0] for port, value in values.items()}
            values["result"] = module.result(values)
        for port, value in values.items():
            item.values[f"{name}.{port}"] = value
        if measure is not None:
            measure(stage["module"], POSTPROCESS, time.perf_counter() - started - answers.waited)

    return work


class _Answers:
    """Gives answers as they come and lets go of each, for those of a recogniser are large; counts the waiting."""

    def __init__(self, answers: list[Future[Batch]]) -> None:
        self._answers = answers[::-1]
        answers.clear()
        self.waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        while self._answers:
            started = time.perf_counter()
            answer = self._answers.pop().result()
            self.waited += time.perf_counter() - started
            yield answer
