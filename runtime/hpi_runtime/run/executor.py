"""The executor: items flow through a chain of workers in small groups, so that their stages overlap.

The queues between the workers are short: memory stays flat however many inputs there are, and results
keep the order of the inputs.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Generic, TypeVar

from hpi_runtime.errors import EngineError, InputError, PlanError

Source = TypeVar("Source")
_POLL_SECONDS = 0.1


@dataclass
class Item(Generic[Source]):
    """One input on its way.

    Attributes:
        source: the input itself.
        values: what the stages made of it so far.
        error: why it goes no further.
    """

    source: Source
    values: dict[str, Any] = field(default_factory=dict)
    error: InputError | None = None


# Works on the items of a group that have no error yet; may set one.
Worker = Callable[[Sequence[Item[Any]]], None]


def each(work: Callable[[Item[Any]], None]) -> Worker:
    """Return a worker that does one item after the other; an exception becomes the item's error."""

    def worker(items: Sequence[Item[Any]]) -> None:
        for item in items:
            _guarded(lambda one: work(one[0]), [item])

    return worker


class _End:
    """Marks the end of the stream; carries the exception that ended it, if one did."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


class _StoppedError(Exception):
    """The consumer went away."""


def execute(
    items: Iterable[Item[Source]], chains: Sequence[Sequence[Worker]], depth: int = 2, size: int = 1
) -> Iterator[Item[Source]]:
    """Send items through chains of workers, ``size`` at a time and the chains in turn, and yield them in order.

    ``depth`` groups may wait between two workers. An exception of a worker becomes the error of its items; one of
    the iterable ends the stream and is raised here, behind the results of the items before it.

    Raises:
        EngineError: the system starts no more threads.
    """
    stop = threading.Event()
    links = [[_Link(stop, depth) for _ in range(len(workers) + 1)] for workers in chains]
    feeding = (items, size, [chain[0] for chain in links])
    threads = [threading.Thread(target=_feed, args=feeding, name="hpi-decode", daemon=True)]
    for workers, chain in zip(chains, links, strict=True):
        for index, worker in enumerate(workers):
            arguments = (worker, chain[index], chain[index + 1])
            threads.append(threading.Thread(target=_work, args=arguments, name=f"hpi-{index}", daemon=True))
    started = _RUNNING[stop] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        outs = cycle(chain[-1] for chain in links)
        while not isinstance(group := next(outs).get(), _End):
            yield from group
        if group.fault is not None:
            raise group.fault
    except RuntimeError as fault:
        if len(started) < len(threads):
            raise no_threads(fault) from None
        raise
    finally:
        _end(stop)


# The threads of every stream that has not ended, by what ends it.
_RUNNING: dict[threading.Event, list[threading.Thread]] = {}


def _end(stop: threading.Event) -> None:
    stop.set()
    for thread in _RUNNING.pop(stop, []):
        thread.join()


@atexit.register
def _end_all() -> None:
    """End streams that nobody has read to their end: native code that wakes up without Python aborts the process."""
    for stop in list(_RUNNING):
        _end(stop)


def forked() -> PlanError:
    """Return the error of a pipeline whose threads are in another process."""
    return PlanError("the pipeline was loaded before this process was forked; load the plan after the fork")


def no_threads(fault: RuntimeError) -> EngineError:
    """Return the error of a system that starts no more threads."""
    return EngineError(f"the system starts no more threads ({fault}); raise its limit, such as `ulimit -u`")


def execute_one(item: Item[Source], workers: Sequence[Worker]) -> Item[Source]:
    """Send an item through the workers in the thread of the caller: with nothing to overlap, threads only cost."""
    for worker in workers:
        advance(worker, [item])
    return item


class _Link:
    """A bounded queue that lets go of both ends when the stream stops."""

    def __init__(self, stop: threading.Event, depth: int) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._stop = stop
        self._process = os.getpid()

    def put(self, group: Any) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put(group, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
        raise _StoppedError

    def get(self) -> Any:
        while not self._stop.is_set():
            if os.getpid() != self._process:
                # Nobody is at the other end.
                raise forked()
            try:
                return self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        raise _StoppedError


def _feed(items: Iterable[Item[Any]], size: int, links: Sequence[_Link]) -> None:
    outs = cycle(links)
    fault: BaseException | None = None
    group: list[Item[Any]] = []
    try:
        for item in items:
            group.append(item)
            if len(group) == size:
                next(outs).put(group)
                group = []
    except _StoppedError:
        return
    except BaseException as found:
        fault = found
    with suppress(_StoppedError):
        if group:
            next(outs).put(group)
        # The end is read where the next group would be.
        for _ in links:
            next(outs).put(_End(fault))


def _work(worker: Worker, source: _Link, out: _Link) -> None:
    try:
        while not isinstance(group := source.get(), _End):
            advance(worker, group)
            out.put(group)
        out.put(group)
    except _StoppedError:
        return


def advance(worker: Worker, group: Sequence[Item[Any]]) -> None:
    """Let a worker work on the items of a group that have no error yet; an exception becomes the error of them all."""
    alive = [item for item in group if item.error is None]
    if alive:
        _guarded(worker, alive)


def _guarded(worker: Worker, items: Sequence[Item[Any]]) -> None:
    fault: InputError
    try:
        worker(items)
        return
    except InputError as found:
        fault = found
    except Exception as found:
        fault = InputError("PROCESSING_FAILED", f"{type(found).__name__}: {found}")
    for item in items:
        item.error = item.error or fault
