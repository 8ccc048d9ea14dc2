"""The executor: items flow through chains of workers in small groups, so that their stages overlap.

Its threads start with the first group and live until it is closed; streams and single submissions share them. What
waits anywhere is bounded, so that memory stays flat however many inputs there are. The results of a stream keep the
order of its inputs.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Generic, Protocol, TypeVar

from hpi_runtime.errors import EngineError, InputError, PlanError

Source = TypeVar("Source")
_POLL_SECONDS = 0.1
# What the names of all threads begin with in which callbacks may be called.
THREADS = "hpi-"


@dataclass
class Item(Generic[Source]):
    """One input on its way.

    Attributes:
        source: the input itself.
        values: what the stages made of it so far.
        error: why it goes no further.
        owner: for whom it is on its way, where somebody wants to know what is done for them.
    """

    source: Source
    values: dict[str, Any] = field(default_factory=dict)
    error: InputError | None = None
    owner: Any = None


def owners(items: Sequence[Item[Any]]) -> list[Any]:
    """Return for whom items are on their way."""
    return [item.owner for item in items if item.owner is not None]


# Works on the items of a group that have no error yet; may set one.
Worker = Callable[[Sequence[Item[Any]]], None]
Done = Callable[[Sequence[Item[Any]]], None]


def each(work: Callable[[Item[Any]], None]) -> Worker:
    """Return a worker that does one item after the other; an exception becomes the item's error."""

    def worker(items: Sequence[Item[Any]]) -> None:
        for item in items:
            _guarded(lambda one: work(one[0]), [item])

    return worker


class Group:
    """Items that go through a chain together.

    Attributes:
        items: they.
        done: is called with them in the end, from any thread, and must not wait for anything.
        is_wanted: whether anybody still waits for them; if not, workers let them pass.
    """

    def __init__(self, items: Sequence[Item[Any]], done: Done, is_wanted: Callable[[], bool] = lambda: True) -> None:
        self.items = items
        self.done = done
        self.is_wanted = is_wanted


class Ends(Protocol):
    """Who sends groups."""

    def end(self) -> None:
        """Send no more, and want nothing of what is under way."""


class Executor:
    """Moves groups of items through chains of workers, the chains in turn.

    Attributes:
        depth: groups that may wait before a worker.
    """

    def __init__(self, chains: Sequence[Sequence[Worker]], depth: int = 2) -> None:
        """Take the workers; the threads start with the first group."""
        self.depth = depth
        self._chains = chains
        self._links: list[list[queue.Queue[Group | None]]] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._process = os.getpid()
        self._streams: weakref.WeakSet[Ends] = weakref.WeakSet()
        _OPEN.add(self)

    @property
    def capacity(self) -> int:
        """Groups of one stream that may be under way: enough to keep every worker busy."""
        return sum((len(workers) + 1) * self.depth for workers in self._chains)

    def put(self, group: Group) -> None:
        """Send a group on its way, as soon as there is room for it; if the executor is closed, as failed.

        Raises:
            EngineError: the system starts no more threads.
        """
        with self._lock:
            if not self._threads and not self._is_closed.is_set():
                self._start()
            first = next(self._firsts) if self._threads else None
        while first is not None and not self._is_closed.is_set():
            try:
                first.put(group, timeout=_POLL_SECONDS)
            except queue.Full:
                self.check_process()
                continue
            if self._is_closed.is_set():
                # Perhaps nobody will come for it any more.
                _empty(first)
            return
        _fail(group)

    def close(self) -> None:
        """End the threads, when each has finished what it is at; what waits fails. Calling it again does nothing.

        One of them may call it, in whose callback somebody does: it ends when it is done with that.
        """
        self._is_closed.set()
        _OPEN.discard(self)
        if os.getpid() != self._process:
            return
        with self._lock:
            threads, self._threads = self._threads, []
        others = [thread for thread in threads if thread is not threading.current_thread()]
        while any(thread.is_alive() for thread in others):
            self._wake()
            for thread in others:
                thread.join(_POLL_SECONDS)
        # What was put meanwhile fails; the end stays, for the one that calls this.
        self._wake()

    def serve(self, stream: Ends) -> None:
        """Remember who sends groups, for as long as that lives; it is ended before the program ends."""
        self._streams.add(stream)

    def end_streams(self) -> None:
        """Read no more inputs, and want nothing of what is under way."""
        for stream in list(self._streams):
            stream.end()

    def _wake(self) -> None:
        """Fail what waits, and tell the threads to end."""
        for link in self._all_links:
            _empty(link)
            with suppress(queue.Full):
                link.put_nowait(None)

    @property
    def _all_links(self) -> Iterator[queue.Queue[Group | None]]:
        return (link for links in self._links for link in links)

    def check_process(self) -> None:
        """Look whether its threads are in this process.

        Raises:
            PlanError: they are in another.
        """
        if os.getpid() != self._process:
            # Nobody is at the other end.
            raise forked()

    def _start(self) -> None:
        """Start the threads; the caller holds the lock."""
        self._links = [[queue.Queue(self.depth) for _ in workers] for workers in self._chains]
        self._firsts = cycle([links[0] for links in self._links])
        for workers, links in zip(self._chains, self._links, strict=True):
            for index, worker in enumerate(workers):
                out = links[index + 1] if index + 1 < len(links) else None
                arguments = (worker, links[index], out, self._is_closed)
                thread = threading.Thread(target=_work, args=arguments, name=f"{THREADS}{index}", daemon=True)
                try:
                    thread.start()
                except RuntimeError as fault:
                    self._abandon()
                    raise no_threads(fault) from None
                self._threads.append(thread)

    def _abandon(self) -> None:
        """End the threads that were started; another attempt may find more of them."""
        threads, self._threads = self._threads, []
        for link in self._all_links:
            link.put(None)
        for thread in threads:
            thread.join()


def execute_one(item: Item[Source], workers: Sequence[Worker]) -> Item[Source]:
    """Send an item through the workers in the thread of the caller: with nothing to overlap, threads only cost."""
    for worker in workers:
        advance(worker, [item])
    return item


def forked() -> PlanError:
    """Return the error of a pipeline whose threads are in another process."""
    return PlanError("the pipeline was loaded before this process was forked; load the plan after the fork")


def no_threads(fault: RuntimeError) -> EngineError:
    """Return the error of a system that starts no more threads."""
    return EngineError(f"the system starts no more threads ({fault}); raise its limit, such as `ulimit -u`")


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


# -- threads ---------------------------------------------------------------------------------------

# The executors that are open: native code that wakes up without Python aborts the process.
_OPEN: weakref.WeakSet[Executor] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for executor in list(_OPEN):
        executor.end_streams()
        executor.close()


def _work(
    worker: Worker,
    source: queue.Queue[Group | None],
    out: queue.Queue[Group | None] | None,
    is_closed: threading.Event,
) -> None:
    while (group := source.get()) is not None:
        if group.is_wanted() and not is_closed.is_set():
            advance(worker, group.items)
        if is_closed.is_set():
            _fail(group)
        elif out is None:
            group.done(group.items)
        else:
            _hand_on(group, out, is_closed)
        # A group that waits for the next one must not be kept alive by this name.
        del group


def _hand_on(group: Group, out: queue.Queue[Group | None], is_closed: threading.Event) -> None:
    while not is_closed.is_set():
        with suppress(queue.Full):
            out.put(group, timeout=_POLL_SECONDS)
            return
    _fail(group)


def _fail(group: Group) -> None:
    for item in group.items:
        item.error = item.error or InputError("PROCESSING_FAILED", "the pipeline was closed")
    group.done(group.items)


def _empty(link: queue.Queue[Group | None]) -> None:
    """Fail what waits in a link."""
    with suppress(queue.Empty):
        while True:
            group = link.get_nowait()
            if group is not None:
                _fail(group)
