"""The candidates of all modules together: whole pipelines, in turn with the plan's own, on pictures held back for it.

Modules compete for the same cores and memory, and what each of them loses adds up: what was chosen one by one is
measured as one. Pictures that no module was measured on tell whether the choice holds on others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from hpi_schemas.candidates import Candidates
from hpi_schemas.plan.graph import fields
from hpi_schemas.profile import COLD, Combination, Profile

from hpi_runtime import loader
from hpi_runtime.bench.combining import Places, combinations
from hpi_runtime.bench.contender import LEAST_ITEMS, Contender, FaultError, in_turn, measured, spread, working
from hpi_runtime.bench.starting import from_start
from hpi_runtime.bench.substituting import Substitute, substituted
from hpi_runtime.errors import EngineError
from hpi_runtime.judge import truth
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.judge.records import RecordAgreement
from hpi_runtime.run.plan import LocatedPlan

# Every input goes through both, one by one and in one go, in each of so many rounds.
_ROUNDS = 3
# Of six inputs and more, every third is held back; fewer are too few to be divided.
_LEAST, _EVERY = 6, 3

# The results of each input.
Results = Sequence[Sequence[Mapping[str, Any]]]


def divided(inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the inputs that modules are measured on, and those held back; none are where there are few."""
    if len(inputs) < _LEAST:
        return list(inputs), []
    held_back = list(inputs[_EVERY - 1 :: _EVERY])
    return [name for place, name in enumerate(inputs) if place % _EVERY != _EVERY - 1], held_back


class Confirmation:
    """Measures combinations.

    Attributes:
        failed: the inputs that cannot be processed, each with the reason.
    """

    def __init__(
        self,
        plan: LocatedPlan,
        listed: Candidates,
        options: Mapping[str, Any],
        known: truth.Truth,
        report: Callable[[str], None],
    ) -> None:
        """Begin.

        Args:
            plan: of the whole pipeline.
            listed: the candidates, with the models' records.
            options: for the processes: ``inputs``, ``root`` and ``models``.
            known: what is true of the inputs.
            report: is told what is being done.
        """
        self._plan, self._listed, self._known, self._report = plan, listed, known, report
        self._options = {**options, "module": None}
        self.failed: list[str] = []

    def run(self, found: Profile, deadline: float, keep: Callable[[], None]) -> None:
        """Measure the combinations of a profile that are not in it yet; at least one, if there is one.

        Args:
            found: the profile; its ``combinations`` grow.
            deadline: of ``time.monotonic``: none begins that would end after it.
            keep: is called whenever the profile has grown.

        Raises:
            EngineError: the plan's own engines fail.
        """
        left = missing(found)
        if not left:
            return
        own = Combination(entries=combinations(found.modules, found.ways)[0])
        try:
            with self._working(found, own) as worker:
                answers = self._asked(worker)
                items = [place for place, results in enumerate(answers) if not _faults(results)]
                self.failed = [fault for results in answers for fault in _faults(results)]
                if not items:
                    return
                items = [items[place] for place in spread(len(items))]
                if not found.combinations:
                    self._report("the whole pipeline")
                    self._judge(own, answers, answers, items)
                    (times,) = in_turn([worker], items, 1)
                    measured(own, times, times, len(items))
                    self._start(found, [own], items, deadline)
                    found.combinations.append(own)
                    keep()
                others = [places for places in left if any(places.values())]
                took = 0.0
                for count, places in enumerate(others):
                    began = time.monotonic()
                    if count and began + took > deadline:
                        return
                    self._report(f"the whole pipeline, combination {count + 1} of {len(others)}")
                    combination = Combination(entries=places)
                    share = (deadline - began) / (len(others) - count)
                    self._measure(found, combination, worker, answers, items, began + share)
                    found.combinations.append(combination)
                    keep()
                    took = time.monotonic() - began
        except FaultError as fault:
            raise EngineError(f"the whole pipeline: {fault}") from None

    def _measure(
        self, found: Profile, combination: Combination, own: Contender, answers: Results, items: list[int], until: float
    ) -> None:
        """Fill in the figures of a combination; no round begins after a time, save the first."""
        try:
            with self._working(found, combination) as worker:
                self._judge(combination, self._asked(worker), answers, items)
                # Where first results count, the time is theirs.
                times = in_turn([own, worker], items, 1 if COLD in found.ways else _ROUNDS, until)
                measured(combination, times[1], times[0], len(items))
            self._start(found, [found.combinations[0], combination], items, until)
        except FaultError as fault:
            if fault.entry is not combination:
                raise
            fault.keep()

    def _start(self, found: Profile, combinations: Sequence[Combination], items: Sequence[int], until: float) -> None:
        """Fill in how long the last of some takes from its start to a first result, where that counts."""
        if COLD not in found.ways:
            return
        starts = [partial(self._working, found, combination) for combination in combinations]
        some = items[:LEAST_ITEMS]
        times = from_start(starts, some, _ROUNDS, until)
        measured(combinations[-1], times[-1], times[0], len(some))

    def _asked(self, worker: Contender) -> Results:
        found: Results = worker.ask({"results": True, "stream": False})["results"]
        return found

    def _judge(self, combination: Combination, results: Results, expected: Results, items: Sequence[int]) -> None:
        is_hosted = loader.is_hosted(self._plan)
        known = {} if is_hosted else fields(self._plan.graph, self._plan.modules)
        agreement, accuracy = RecordAgreement() if is_hosted else Agreement(known), truth.Accuracy()
        for place in items:
            for one, other in zip(results[place], expected[place], strict=False):
                agreement.add(one, other)
                file = truth.name(one)
                if "error" not in one and file in self._known and not is_hosted:
                    accuracy.add(one, known, self._known[file])
        if agreement.faults:
            raise FaultError(agreement.faults[0], combination)
        combination.agreement = {measure: round(share, 6) for measure, share in agreement.shares().items()}
        combination.accuracy = accuracy.to_json()

    def _working(self, found: Profile, combination: Combination) -> AbstractContextManager[Contender]:
        chosen = {
            address: Substitute(found.modules[address].entries[place], self._listed.modules[address].model)
            for address, place in combination.entries.items()
        }
        speeds = [record.entries[0].milliseconds or {} for record in found.modules.values()]
        seconds = sum(value for speed in speeds for value in speed.values()) / 1000
        return working(self._options, substituted(self._plan.plan, chosen), combination, seconds)


def missing(found: Profile) -> list[Places]:
    """Return the combinations of a profile that are yet to be measured."""
    known = [combination.entries for combination in found.combinations]
    return [places for places in combinations(found.modules, found.ways) if places not in known]


def _faults(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{item['input_path']}: {item['error']['message']}" for item in results if "error" in item]
