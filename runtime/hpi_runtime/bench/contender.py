"""A contender: the process of a candidate, and how it is timed in turn with that of the plan's own engine."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from hpi_schemas.plan.model import Plan
from hpi_schemas.plan.write import write
from hpi_schemas.profile import LATENCY, THROUGHPUT, Figures

from hpi_runtime.bench.process import EndedError, Process

# Fewer inputs say too little of the others.
LEAST_ITEMS = 3
# Multiples of the golden ratio spread a choice of inputs evenly, however many there will be (Kronecker's sequence).
_GOLDEN = 0.6180339887
# A candidate hangs if it takes this much longer than the plan's own engine, and so many seconds besides; or to load.
_SLOWEST, _PATIENCE_SECONDS, _LOADING_SECONDS = 20, 60.0, 900.0

# Seconds of each round, by how the inputs were sent.
Times = dict[str, list[float]]


class FaultError(Exception):
    """A candidate that cannot be measured; the message is its own."""

    def __init__(self, message: str, entry: Figures) -> None:
        super().__init__(message)
        self.entry = entry

    def keep(self) -> None:
        """Turn what looked usable into a fault."""
        for key in vars(Figures()):
            setattr(self.entry, key, None)
        self.entry.fault = str(self)


class Contender:
    """The process of a candidate; one that ends early or hangs raises a ``FaultError`` with its last words.

    Attributes:
        items: how many inputs the module gets.
        loaded_ms: from the start of the process until the engine was loaded.
    """

    def __init__(self, process: Process, said: IO[bytes], entry: Figures, own_seconds: float | None) -> None:
        self._process, self._said, self._entry, self._own_seconds = process, said, entry, own_seconds
        limit = None if own_seconds is None else _LOADING_SECONDS
        self.items = int(self._told(lambda: process.answer(limit))["items"])
        self.loaded_ms = round(1000 * process.age, 1)

    @property
    def age(self) -> float:
        """Seconds since its process was started."""
        return self._process.age

    def load(self, entry: Figures, plan: str) -> None:
        """Let the process load another candidate instead of what it has.

        Args:
            entry: of the candidate.
            plan: the text of a plan in which the module is the candidate.
        """
        self._entry = entry
        limit = None if self._own_seconds is None else _LOADING_SECONDS
        self.items = int(self._told(lambda: self._process.ask({"plan": plan}, limit))["items"])

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer."""
        count = len(request.get("items", range(self.items)))
        limit = None if self._own_seconds is None else _PATIENCE_SECONDS + _SLOWEST * count * self._own_seconds
        return self._told(lambda: self._process.ask(request, limit))

    def _told(self, answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return answer()
        except EndedError as fault:
            self._said.seek(0)
            lines = [] if fault.is_late else self._said.read().decode("utf-8", "replace").strip().splitlines()
            reason = lines[-1].removeprefix("hpi-bench: ") if lines else str(fault)
            raise FaultError(reason, self._entry) from None


@contextmanager
def working(
    options: Mapping[str, Any], plan: Plan, entry: Figures, own_seconds: float | None = None
) -> Iterator[Contender]:
    """Start the process of a candidate, and wait until it is loaded.

    Args:
        options: for ``candidate``, apart from the plan.
        plan: in which the candidate is.
        entry: of it.
        own_seconds: what the plan's own takes for an input, None if that is not known yet.

    Raises:
        FaultError: it cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="hpi-bench-") as folder, tempfile.TemporaryFile() as said:
        file = Path(folder) / "plan.json"
        file.write_text(write(plan), encoding="utf-8")
        with Process("hpi_runtime.bench.candidate", {**options, "plan": str(file)}, said) as process:
            yield Contender(process, said, entry, own_seconds)


def spread(items: int) -> list[int]:
    """Return the places of all inputs in an order of which every beginning is evenly spread."""
    return sorted(range(items), key=lambda place: place * _GOLDEN % 1)


def repeated(rounds: int, deadline: float, is_enough: Callable[[], bool]) -> Iterator[None]:
    """Yield once for each round: the first always, and no other that would end after a deadline.

    Args:
        rounds: at most so many.
        deadline: of ``time.monotonic``; a round takes what those before it took on average.
        is_enough: is asked after each round whether more would change nothing.
    """
    began = time.monotonic()
    for place in range(rounds):
        now = time.monotonic()
        if place and (now + (now - began) / place > deadline or is_enough()):
            return
        yield


def in_turn(
    workers: Sequence[Contender],
    items: list[int],
    rounds: int,
    deadline: float = math.inf,
    is_enough: Callable[[list[Times]], bool] = lambda _: False,
    most: int | None = None,
) -> list[Times]:
    """Return the seconds that each candidate took in each round; one round is always finished.

    Args:
        workers: the candidates.
        items: the places of the inputs.
        rounds: at most so many.
        deadline: of ``time.monotonic``: no round begins that would end after it.
        is_enough: is asked after each round whether more would change nothing.
        most: pictures of an input that a module gets, None for all.
    """
    found: list[Times] = [{LATENCY: [], THROUGHPUT: []} for _ in workers]
    for _ in repeated(rounds, deadline, lambda: is_enough(found)):
        alone = [0.0] * len(workers)
        for item in items:
            for index, worker in enumerate(workers):
                alone[index] += sum(worker.ask({"items": [item], "most": most, "stream": False})["seconds"])
        for times, worker, seconds in zip(found, workers, alone, strict=True):
            times[LATENCY].append(seconds)
            times[THROUGHPUT].append(sum(worker.ask({"items": items, "most": most})["seconds"]))
    return found


def measured(entry: Figures, found: Times, own: Times, items: int) -> None:
    """Fill in milliseconds per input, and the medians over the rounds of times ÷ those of the plan's own engine.

    What else is known of it, such as other kinds of times, stays.
    """
    ratios = {kind: [one / other for one, other in zip(times, own[kind], strict=True)] for kind, times in found.items()}
    milliseconds = {kind: round(1000 * statistics.median(times) / items, 3) for kind, times in found.items()}
    ratio = {kind: round(statistics.median(values), 4) for kind, values in ratios.items()}
    entry.milliseconds = {**(entry.milliseconds or {}), **milliseconds}
    entry.ratio = {**(entry.ratio or {}), **ratio}
    entry.rounds = min(len(times) for times in found.values())
