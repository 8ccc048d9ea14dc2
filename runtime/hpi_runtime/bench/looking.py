"""A first look at candidates: little of few inputs, one process for all of a backend, and no more for what is slow."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from hpi_schemas.profile import LATENCY, THROUGHPUT, Entry

from hpi_runtime.bench.contender import Contender, FaultError, Times, in_turn, measured, spread

# A look takes as many inputs, and as many passes, as the plan's own engine does in this time; less where there is not
# much for all looks, but a glance says nothing.
LOOK_SECONDS, _LEAST_SECONDS, _MOST_PASSES = 0.6, 0.2, 5
# So many looks find the large levers and the best around them.
_LOOKS = 40
# Of an input with many, a look takes so many pictures: some batches of them.
_MOST_PICTURES = 12
# What is this much slower than the fastest so far after one pass is not looked at any longer.
_HOPELESS = 1.5


class Look:
    """How a first look is taken: at as many inputs, as often, as the plan's own engine manages in a short time."""

    def __init__(self, own: Contender, bench: Workbench, seconds: float) -> None:
        """Take the process of the plan's own engine, what loads the others, and the seconds that there are for all."""
        look_seconds = min(LOOK_SECONDS, max(_LEAST_SECONDS, seconds / _LOOKS))
        self._items: list[int] = []
        total = 0.0
        for place in spread(own.items):
            if total < look_seconds:
                self._items.append(place)
                # The second time, for the first compiles what is new.
                request = {"items": [place], "most": _MOST_PICTURES, "stream": False}
                times = [sum(own.ask(request)["seconds"]) for _ in range(2)]
                total += times[1]
        self._passes = max(1, min(_MOST_PASSES, int(look_seconds / total)))
        self._own, self._bench = own, bench

    def measure(self, entry: Entry, best: float) -> None:
        """Measure a candidate in turn with the plan's own engine.

        Args:
            entry: is filled in.
            best: the least part of the plan's own time so far.

        Raises:
            FaultError: it, or the plan's own engine, cannot be measured.
        """
        try:
            self._measure(self._bench.loaded(entry), entry, best)
        except FaultError:
            self._bench.clear()
            raise

    def _measure(self, worker: Contender, entry: Entry, best: float) -> None:
        # What is new to the candidate is no part of its speed.
        worker.ask({"items": self._items, "most": _MOST_PICTURES})

        def is_hopeless(found: list[Times]) -> bool:
            return all(
                other[way][-1] > _HOPELESS * best * own[way][-1]
                for own, other in (found,)
                for way in (LATENCY, THROUGHPUT)
            )

        workers = [self._own, worker]
        own, found = in_turn(workers, self._items, self._passes, math.inf, is_hopeless, _MOST_PICTURES)
        measured(entry, found, own, len(self._items))


class Workbench:
    """A process for each backend, which loads one candidate after the other; after a fault all are started anew.

    Starting Python and a backend's libraries takes as long as a look.
    """

    def __init__(
        self, working: Callable[[Entry], AbstractContextManager[Contender]], plan: Callable[[Entry], str]
    ) -> None:
        """Take what starts the process of a candidate, and what writes the plan with one."""
        self._working, self._plan = working, plan
        self._stack = ExitStack()
        self._workers: dict[str, Contender] = {}

    def loaded(self, entry: Entry) -> Contender:
        """Return a process that has loaded a candidate.

        Raises:
            FaultError: it cannot be loaded.
        """
        backend = entry.engine.backend
        if backend in self._workers:
            self._workers[backend].load(entry, self._plan(entry))
        else:
            self._workers[backend] = self._stack.enter_context(self._working(entry))
        return self._workers[backend]

    def clear(self) -> None:
        """End the processes."""
        self._workers.clear()
        self._stack.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
