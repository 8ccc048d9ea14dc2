"""The executor: items flow through a chain of workers, so that their stages overlap.

The queues between them are short: memory stays flat however many inputs there are, and results keep
the order of the inputs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hpi_runtime.errors import InputError

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


Worker = Callable[[Item[Any]], None]


class _End:
    """Marks the end of the stream; carries the exception that ended it, if one did."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


class _StoppedError(Exception):
    """The consumer went away."""


def execute(items: Iterable[Item[Source]], workers: list[Worker], depth: int = 2) -> Iterator[Item[Source]]:
    """Send items through the workers and yield them in order; ``depth`` of them may wait between workers.

    An exception of a worker becomes the item's error; one of the iterable ends the stream and is
    raised here, behind the results of the items before it.
    """
    stop = threading.Event()
    links = [_Link(stop, depth) for _ in range(len(workers) + 1)]
    threads = [threading.Thread(target=_feed, args=(items, links[0]), name="hpi-decode", daemon=True)]
    for index, worker in enumerate(workers):
        arguments = (worker, links[index], links[index + 1])
        threads.append(threading.Thread(target=_work, args=arguments, name=f"hpi-{index}", daemon=True))
    for thread in threads:
        thread.start()
    try:
        while not isinstance(item := links[-1].get(), _End):
            yield item
        if item.fault is not None:
            raise item.fault
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _Link:
    """A bounded queue that lets go of both ends when the stream stops."""

    def __init__(self, stop: threading.Event, depth: int) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._stop = stop

    def put(self, item: Any) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
        raise _StoppedError

    def get(self) -> Any:
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        raise _StoppedError


def _feed(items: Iterable[Item[Any]], out: _Link) -> None:
    fault: BaseException | None = None
    try:
        for item in items:
            out.put(item)
    except _StoppedError:
        return
    except BaseException as found:
        fault = found
    _finish(out, fault)


def _work(worker: Worker, source: _Link, out: _Link) -> None:
    try:
        while not isinstance(item := source.get(), _End):
            if item.error is None:
                _guarded(worker, item)
            out.put(item)
        out.put(item)
    except _StoppedError:
        return


def _guarded(worker: Worker, item: Item[Any]) -> None:
    try:
        worker(item)
    except InputError as fault:
        item.error = fault
    except Exception as fault:
        item.error = InputError("PROCESSING_FAILED", f"{type(fault).__name__}: {fault}")


def _finish(out: _Link, fault: BaseException | None) -> None:
    try:
        out.put(_End(fault))
    except _StoppedError:
        return
