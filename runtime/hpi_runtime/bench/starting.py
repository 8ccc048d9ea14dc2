"""Programs that start for one input: a candidate's time from the start of its process to its first answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from hpi_schemas.profile import COLD, Entry

from hpi_runtime.bench.contender import LEAST_ITEMS, Contender, Times, measured, repeated, spread

# Starts the process of a candidate.
Start = Callable[[], AbstractContextManager[Contender]]

# A look is so many starts; what is this much slower than the fastest so far at the first gets no other. Most of a start
# is the same for all.
_LOOKS, _HOPELESS = 3, 1.15


def from_start(
    starts: Sequence[Start],
    items: Sequence[int],
    rounds: int,
    deadline: float = math.inf,
    is_enough: Callable[[list[Times]], bool] = lambda _: False,
) -> list[Times]:
    """Return the seconds from the start of a process of each candidate to its first answer, in each round.

    Args:
        starts: of the candidates, which are started in turn.
        items: the places of the inputs: a process for each, and the sum counts.
        rounds, deadline, is_enough: as for ``in_turn``.
    """
    found: list[Times] = [{COLD: []} for _ in starts]
    for _ in repeated(rounds, deadline, lambda: is_enough(found)):
        seconds = [0.0] * len(starts)
        for item in items:
            for index, start in enumerate(starts):
                with start() as worker:
                    worker.ask({"items": [item], "stream": False})
                    seconds[index] += worker.age
        for times, sum_ in zip(found, seconds, strict=True):
            times[COLD].append(sum_)
    return found


def few(items: int) -> list[int]:
    """Return the places of the inputs that processes are started for: a start takes much the same for any."""
    return spread(items)[:LEAST_ITEMS]


class FirstLook:
    """How a first look at a candidate is taken: at its first answer, in turn with the plan's own engine."""

    def __init__(self, working: Callable[[Entry], AbstractContextManager[Contender]], own: Entry) -> None:
        """Take what starts the process of a candidate, and the plan's own."""
        self._working, self._own = working, own
        self._items = [self._prepared(own)]

    def measure(self, entry: Entry, best: float) -> None:
        """Measure a candidate.

        Args:
            entry: is filled in.
            best: the least part of the plan's own time so far.

        Raises:
            FaultError: it, or the plan's own engine, cannot be measured.
        """
        self._prepared(entry)

        def is_hopeless(found: list[Times]) -> bool:
            own, other = found
            return other[COLD][-1] > _HOPELESS * best * own[COLD][-1]

        starts = [lambda: self._working(self._own), lambda: self._working(entry)]
        own, found = from_start(starts, self._items, _LOOKS, is_enough=is_hopeless)
        measured(entry, found, own, len(self._items))

    def _prepared(self, entry: Entry) -> int:
        """Start a candidate once, so that its files are there, and return the place of the input to look at."""
        with self._working(entry) as worker:
            place = few(worker.items)[0]
            worker.ask({"items": [place], "stream": False})
            return place
