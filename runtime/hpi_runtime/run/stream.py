"""Streams: many inputs through an executor, and their results in the order of the inputs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from hpi_runtime.errors import EngineError, PlanError
from hpi_runtime.run.executor import Done, Executor, Group, Item, Source, Worker, no_threads
from hpi_runtime.run.grouping import Grouper

_POLL_SECONDS = 0.1
# A program that does not end must not wait for ever for whoever gives it inputs.
_FEED_SECONDS = 1.0


def stream(
    executor: Executor, items: Iterable[Item[Source]], size: int = 1, max_wait: float | None = None
) -> Iterator[Item[Source]]:
    """Send items through, ``size`` at a time, and yield them in order.

    An exception of a worker becomes the error of its items; one of the iterable ends the stream and is raised here,
    behind the results of the items before it.

    Args:
        executor: that they go through.
        items: they.
        size: of a group.
        max_wait: seconds after which a group that is not full goes on its way; None for never.

    Raises:
        EngineError: the system starts no more threads.
    """
    under_way = _Stream(executor, items, size, max_wait)
    executor.serve(under_way)
    try:
        yield from under_way.results()
    finally:
        under_way.end()


def execute(
    items: Iterable[Item[Source]], chains: Sequence[Sequence[Worker]], depth: int = 2, size: int = 1
) -> Iterator[Item[Source]]:
    """Send items through chains of workers as a stream of an executor of its own.

    Raises:
        EngineError: the system starts no more threads.
    """
    executor = Executor(chains, depth)
    try:
        yield from stream(executor, items, size)
    finally:
        executor.close()


class _End:
    """Marks the end of a stream, behind so many groups; carries the exception that ended it, if one did."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


class _StoppedError(Exception):
    """The consumer went away."""


class _Stream:
    """Items on their way through an executor in groups; a thread of its own reads them from their iterable."""

    def __init__(self, executor: Executor, items: Iterable[Item[Any]], size: int, max_wait: float | None) -> None:
        self._executor = executor
        self._items = items
        self._room = threading.Semaphore(executor.capacity)
        # The number of each group, and the group or the end.
        self._done: queue.SimpleQueue[tuple[int, Sequence[Item[Any]] | _End]] = queue.SimpleQueue()
        self._is_stopped = threading.Event()
        self._count = 0
        self._grouper: Grouper[Item[Any]] = Grouper(self._send, size, max_wait)
        self._feeder = threading.Thread(target=self._feed, name="hpi-decode", daemon=True)

    def results(self) -> Iterator[Item[Any]]:
        """Yield the items in the order in which they came."""
        try:
            self._feeder.start()
        except RuntimeError as fault:
            raise no_threads(fault) from None
        early: dict[int, Sequence[Item[Any]] | _End] = {}
        following = 0
        while True:
            while following not in early:
                number, found = self._next()
                early[number] = found
            group = early.pop(following)
            if isinstance(group, _End):
                if group.fault is not None:
                    raise group.fault
                return
            following += 1
            self._room.release()
            yield from group

    def end(self) -> None:
        """Take no more items, and want none of those that are under way."""
        self._is_stopped.set()
        self._grouper.close()
        if self._feeder.is_alive() and self._feeder is not threading.current_thread():
            self._feeder.join(_FEED_SECONDS)

    def _next(self) -> tuple[int, Sequence[Item[Any]] | _End]:
        while True:
            try:
                return self._done.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._executor.check_process()

    def _feed(self) -> None:
        fault: BaseException | None = None
        try:
            for item in self._items:
                self._grouper.add(item)
                if self._is_stopped.is_set():
                    return
            self._grouper.flush()
        except _StoppedError:
            return
        except BaseException as found:
            fault = found
            with suppress(_StoppedError, EngineError, PlanError):
                self._grouper.flush()
        self._done.put((self._count, _End(fault)))

    def _send(self, items: Sequence[Item[Any]]) -> None:
        while not self._room.acquire(timeout=_POLL_SECONDS):
            if self._is_stopped.is_set():
                raise _StoppedError
        number = self._count
        done: Done = lambda found: self._done.put((number, found))  # noqa: E731 (it holds the number)
        self._executor.put(Group(items, done, lambda: not self._is_stopped.is_set()))
        # One that could not be sent has no number: nobody waits for it.
        self._count += 1
