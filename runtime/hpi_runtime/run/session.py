"""A session: single inputs from any thread, answered by one loaded pipeline. What a service stands on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

from hpi_runtime import argument_checks
from hpi_runtime.errors import BusyError, EngineError, InputError, PlanError
from hpi_runtime.inputs import values
from hpi_runtime.inputs.limits import DEFAULT, LIMITS, Limits
from hpi_runtime.inputs.reading import Input
from hpi_runtime.results.result import Result
from hpi_runtime.run.executor import THREADS, Group, Item, no_threads
from hpi_runtime.run.grouping import MAX_WAIT, Grouper
from hpi_runtime.run.module_stage import Submitted
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.pipeline import Pipeline


class Session:
    """Answers inputs as they come. Use it in a ``with`` statement, or call ``close``; the pipeline stays open.

    Inputs that come at the same time share batches, and so may differ in the last digit from those that come alone.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        max_waiting: int = 256,
        max_wait: float = MAX_WAIT,
        readers: int = 2,
        limits: Limits = DEFAULT,
    ) -> None:
        """Begin a session on a loaded pipeline.

        Args:
            pipeline: that answers.
            max_waiting: inputs that may be under way at a time.
            max_wait: seconds that a picture waits for others to share a batch with, while others are on their way.
            readers: threads that decode inputs.
            limits: what each input may cost.

        Raises:
            TypeError, ValueError: an argument cannot be that.
            EngineError: the system starts no more threads.
        """
        if not isinstance(pipeline, NativePipeline):
            raise TypeError(f"`pipeline` must be a Pipeline that hpi-run itself runs, not {pipeline!r}")
        argument_checks.whole("max_waiting", max_waiting, 1)
        argument_checks.number("max_wait", max_wait, 0)
        argument_checks.whole("readers", readers, 1)
        argument_checks.instance("limits", limits, Limits, LIMITS)
        self._pipeline = pipeline
        self._limits = limits
        self._room = threading.Semaphore(max_waiting)
        self._max_waiting = max_waiting
        self._readers = ThreadPoolExecutor(readers, f"{THREADS}decode")
        self._lock = threading.Lock()
        self._reading = 0
        # Those under way, by the identity of their futures.
        self._requests: dict[int, _Request] = {}
        self._is_closed = False
        try:
            self._grouper: Grouper[_Page] = Grouper(self._send, pipeline.group_size, max_wait)
        except RuntimeError as fault:
            raise no_threads(fault) from None

    def submit(self, input: Any, owner: Any = None) -> Future[list[Result]]:
        """Take one input, and return at once.

        Safe from any thread; with asyncio, ``await asyncio.wrap_future(session.submit(input))``.

        Args:
            input: a path, a URL, bytes, a file open for reading bytes, a picture of Pillow, or an array in BGR order.
            owner: whose it is: whoever measures the pipeline is told with each step.

        Returns:
            What will hold the results: one, or one for each page of a document. A failure is a result that says why.
            Until its first batch begins it can be cancelled.
            Its callbacks run in the pipeline's threads, and must wait for nothing.

        Raises:
            TypeError: it is none of these, but perhaps a list of them.
            BusyError: as many inputs as may be are under way.
            PlanError: the session or its pipeline is closed, or was loaded before this process was forked.
        """
        self._pipeline.check_usable()
        if self._is_closed:
            raise PlanError("the session is closed")
        if not values.is_single(input):
            raise TypeError("a session takes one input at a time; `predict` of the pipeline takes a list of them")
        if not self._room.acquire(blocking=False):
            raise BusyError(f"{self._max_waiting} inputs are under way; try again later")
        request = _Request(input, owner, self)
        self._requests[id(request.future)] = request
        request.future.add_done_callback(self._forget)
        with self._lock:
            self._reading += 1
        try:
            self._readers.submit(self._read, request)
        except RuntimeError as fault:
            self._read_one_less()
            request.future.cancel()
            raise (PlanError("the session is closed") if self._is_closed else no_threads(fault)) from None
        return request.future

    def abandon(self, future: Future[list[Result]]) -> None:
        """Let an input go no further than where it is, for nobody waits for it any more; its future ends as cancelled.

        Args:
            future: that ``submit`` returned; one that is done, or is another's, stays as it is.
        """
        request = self._requests.get(id(future))
        if request is not None and request.future is future:
            request.is_abandoned = True
            future.cancel()
            for item in request.items:
                _take_back(item)

    def close(self) -> None:
        """Take no more inputs, and wait for those that are under way; calling it again does nothing.

        In a callback nothing is waited for: those that are under way need its thread.
        """
        self._is_closed = True
        if threading.current_thread().name.startswith(THREADS):
            threading.Thread(target=self._end, name="close").start()
        else:
            self._end()

    def _end(self) -> None:
        self._readers.shutdown()
        with suppress(Exception):
            self._grouper.flush()
        self._grouper.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def result(self, item: Item[Input], input: Any) -> Result:
        """Return what has become of a page."""
        return self._pipeline.result(item, input)

    def _forget(self, future: Future[list[Result]]) -> None:
        """Let go of what is done."""
        self._requests.pop(id(future), None)
        self._room.release()

    def _read(self, request: _Request) -> None:
        """Decode an input in a thread of the readers', and hand its pages on."""
        try:
            # Waiting here is how a session is slowed down: the executor has room for so many groups.
            for item in self._pipeline.read(request.input, self._limits, request.owner):
                if request.is_abandoned:
                    break
                request.items.append(item)
                self._grouper.add(_Page(item, request))
            request.is_read()
        except BaseException as fault:
            request.fail(fault)
        if self._read_one_less() == 0:
            # Nothing else is on its way.
            with suppress(Exception):
                self._grouper.flush()

    def _read_one_less(self) -> int:
        with self._lock:
            self._reading -= 1
            return self._reading

    def _send(self, pages: Sequence[_Page]) -> None:
        wanted = [page for page in pages if page.request.is_wanted()]
        if not wanted:
            return
        # By identity: items are not compared.
        owners = {id(page.item): page.request for page in wanted}

        def done(items: Sequence[Item[Any]]) -> None:
            for item in items:
                owners[id(item)].take()

        try:
            goes_on = lambda: any(not page.request.is_abandoned for page in wanted)  # noqa: E731 (it holds the pages)
            self._pipeline.put(Group([page.item for page in wanted], done, goes_on))
        except (EngineError, PlanError) as fault:
            for page in wanted:
                page.item.error = InputError("PROCESSING_FAILED", str(fault))
                page.request.take()


def _take_back(item: Item[Input]) -> None:
    """Let batches that wait for an engine not begin, where they are of one item alone."""
    # A stage may put something there at this moment: then it is at it already.
    with suppress(RuntimeError):
        for value in tuple(item.values.values()):
            if isinstance(value, Submitted) and len(value.items) == 1:
                for answer in tuple(value.answers):
                    answer.cancel()


class _Page(NamedTuple):
    """An item, and the request that it is part of."""

    item: Item[Input]
    request: _Request


class _Request:
    """One input, and what there is of its results.

    Attributes:
        input: as it was given.
        owner: as it was given.
        future: will hold the results.
        items: its pages, in order, as far as they are read.
        is_abandoned: nobody waits for its results any more.
    """

    def __init__(self, input: Any, owner: Any, session: Session) -> None:
        self.input = input
        self.owner = owner
        self.future: Future[list[Result]] = Future()
        self.items: list[Item[Input]] = []
        self.is_abandoned = False
        self._session = session
        self._lock = threading.Lock()
        self._left = 0
        self._is_whole = False
        # Whether it was begun; None until that is decided, once and for all.
        self._is_begun: bool | None = None

    def is_wanted(self) -> bool:
        """Begin with it, unless it was cancelled before."""
        with self._lock:
            if self._is_begun is None:
                if self.is_abandoned:
                    self.future.cancel()
                self._is_begun = self.future.set_running_or_notify_cancel()
            return self._is_begun

    def take(self) -> None:
        """Learn that one of the pages is done."""
        self._count(-1)

    def is_read(self) -> None:
        """Learn that all pages are read."""
        with self._lock:
            self._is_whole = True
        self._count(len(self.items))

    def fail(self, fault: BaseException) -> None:
        """End with an exception."""
        if self.is_wanted() and not self.future.done():
            # What a callback raises, an exit too, must not end a thread that others need.
            with suppress(BaseException):
                self.future.set_exception(fault)

    def _count(self, pages: int) -> None:
        with self._lock:
            # Below zero while pages are done of which nobody knows yet how many there are.
            self._left += pages
            is_done = self._is_whole and self._left == 0
        if is_done and self.is_wanted():
            if self.is_abandoned:
                self.fail(CancelledError())
                return
            try:
                self.future.set_result([self._session.result(item, self.input) for item in self.items])
            except BaseException as fault:
                # Of a callback too: this is a thread that others need, and an exit would end it unseen.
                self.fail(fault)
