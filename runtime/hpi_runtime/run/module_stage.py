"""A module's stage: batches go to its engine in one worker, and are read in the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from hpi_schemas.plan.graph import RESULT
from hpi_schemas.plan.model import Stage

from hpi_runtime.errors import InputError
from hpi_runtime.run.executor import Item, each, owners
from hpi_runtime.run.runner import POSTPROCESS, Answer, Runner, Timer
from hpi_runtime.tasks.base import Arrays as Roles
from hpi_runtime.tasks.base import OutputError, Task


class Loaded(NamedTuple):
    """A module that can run: what it does, and what its model runs on."""

    task: Task
    runner: Runner


def give(item: Item[Any], name: str, values: Mapping[str, Any], gives: frozenset[str]) -> None:
    """Put what a stage made into an item, as far as somebody needs it."""
    for port, value in values.items():
        if f"{name}.{port}" in gives:
            item.values[f"{name}.{port}"] = value


class ModuleStage:
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
            submitted: Submitted | None = item.values.pop(self._name, None)
            # None: it shares the batches of one before it.
            if submitted is not None:
                self._finish(submitted)

    def _finish(self, submitted: Submitted) -> None:
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
        items[0].values[self._name] = Submitted(items, self._answers(feeds.batches, owners(items)), feeds.context)

    def _answers(self, batches: Iterable[Roles], owners: Sequence[Any]) -> list[Answer]:
        if self._is_alone and isinstance(batches, Sequence) and len(batches) == 1:
            # Nothing runs beside it, and another thread would begin with cold caches.
            return [_Now(partial(self._runner.run, batches[0], owners))]
        # Batches may be made one by one: the first runs while the second is made.
        return [self._runner.submit(batch, owners) for batch in batches]

    def _read(self, submitted: Submitted) -> None:
        started = time.perf_counter()
        answers = _Answers(submitted.answers)
        values = self._values(answers, submitted.context)
        for place, item in enumerate(submitted.items):
            own: dict[str, Any] = {port: value[place] for port, value in values.items()} if self._takes_one else values
            give(item, self._name, {**own, RESULT: own}, self._gives)
        if self._measure is not None:
            seconds = time.perf_counter() - started - answers.waited
            self._measure(self._address, POSTPROCESS, seconds, owners(submitted.items))

    def _values(self, answers: _Answers, context: Any) -> dict[str, list[Any]]:
        try:
            return self._task.read(answers, context)
        except OutputError as fault:
            message = f"{self._address}: the model's output `{self._runner.binding.outputs[fault.role]}` {fault}"
            raise InputError("OUTPUT_INVALID", message) from None

    def _alone(self, item: Item[Any]) -> None:
        self._submit([item])
        self._read(item.values.pop(self._name))


class _Now:
    """An answer that is made when somebody waits for it."""

    def __init__(self, run: Callable[[], Roles]) -> None:
        self.result = run

    def cancel(self) -> bool:
        """Nothing has begun, and nothing will unless somebody waits."""
        return True


class Submitted(NamedTuple):
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
            answer = self._answers.pop().result()
            self.waited += time.perf_counter() - started
            yield answer
