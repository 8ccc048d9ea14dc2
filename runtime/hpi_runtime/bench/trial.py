"""The trial of one module: its candidates, measured in turn with the plan's own engine, and their answers judged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from hpi_schemas.candidates import ModuleCandidates
from hpi_schemas.plan.model import Plan
from hpi_schemas.plan.write import write
from hpi_schemas.profile import COLD, FP32, WAYS, Entry, ModuleProfile, entry_of
from hpi_schemas.tolerances import precision_of

from hpi_runtime import loader
from hpi_runtime.bench import hosted, replay, search
from hpi_runtime.bench.contender import LEAST_ITEMS, Contender, FaultError, Times, in_turn, measured, spread, working
from hpi_runtime.bench.looking import LOOK_SECONDS, Look, Workbench
from hpi_runtime.bench.names import name_of
from hpi_runtime.bench.starting import FirstLook, few, from_start
from hpi_runtime.bench.substituting import Substitute, calibrated, substituted
from hpi_runtime.errors import EngineError
from hpi_runtime.judge import truth
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.run.plan import LocatedPlan

# What the fastest are measured thoroughly by: rounds, and the time that the plan's own engine has in each of them; of
# shorter ones there are more.
_ROUNDS, _MOST_ROUNDS, _ROUND_SECONDS = 3, 12, 6.0
# The plan's own engine, and one of each that may be chosen, with and without a loss.
_LEAST_CHOSEN = 3
# Of the time that a module has, this part is for looking; the rest is for the fastest.
_LOOKING = 0.6

Report = Callable[[str], None]


class Trial:
    """Measures the candidates of one module.

    Attributes:
        record: the module's part of the profile; it grows.
    """

    def __init__(
        self,
        plan: LocatedPlan,
        listed: ModuleCandidates,
        options: Mapping[str, Any],
        known: truth.Truth,
        calibration: str | None,
        report: Report,
        ways: Sequence[str] = WAYS,
    ) -> None:
        """Begin a trial.

        Args:
            plan: of the whole pipeline.
            listed: the module's candidates.
            options: for the processes: ``module``, ``folder``, ``root`` and ``models``.
            known: what is true of the inputs.
            calibration: the digest of the samples for int8, None without.
            report: is told what is being done.
            ways: the times that candidates are chosen by.
        """
        self._plan = plan
        self._ways = ways
        self._address = str(options["module"])
        self._options = options
        self._known = known
        self._calibration = calibration
        self._report = report
        self._model = listed.model
        self._is_hosted = loader.is_hosted(plan)
        self._fields = {} if self._is_hosted else replay.part(plan, self._address).fields
        self._candidates = hosted.fitting(listed.listed) if self._is_hosted else listed.listed
        self._is_cut_short = False
        self.record = ModuleProfile(
            candidates=replace(listed, listed=tuple(self._candidates)).digest,
            files=self._model.files,
            precision=str(self._candidates[0].engine.config.get("precision", FP32)),
            calibration=calibration,
        )

    def resume(self, record: ModuleProfile | None) -> None:
        """Go on with what an earlier run measured, if it was about the same files, samples and plan."""
        own = self.record
        # What the plan's own engine died of, such as want of memory, may be over.
        if record is None or not record.entries or record.entries[0].fault is not None:
            return
        first = self._candidates[0]
        about, now = ((item.calibration, item.files, item.precision) for item in (record, own))
        if about == now and record.entries[0].is_of(first.engine, first.batch_size, first.settings):
            # Of a longer list of candidates, some may not have been looked at.
            is_finished = record.finished and record.candidates == own.candidates
            self.record = replace(record, candidates=own.candidates, finished=is_finished)

    def cost(self, seconds: float) -> float:
        """Return roughly what looking at all candidates costs, if the plan's own engine takes so long for an input."""
        return 0.0 if self.record.finished else len(self._candidates) * max(LOOK_SECONDS, seconds)

    def run(self, seconds: float, keep: Callable[[], None]) -> None:
        """Look at candidates one after the other, then measure the fastest thoroughly.

        Args:
            seconds: that it may take, roughly; the plan's own engine is always measured.
            keep: is called whenever the record has grown.

        Raises:
            EngineError: the plan's own engine cannot be measured.
        """
        if self.record.finished:
            return
        began = time.monotonic()
        try:
            with self._looking(entry_of(self._candidates[0]), _LOOKING * seconds) as look:
                is_whole = self._look_around(look, began + _LOOKING * seconds, keep)
        except FaultError as fault:
            raise EngineError(f"{self._address}: {fault}") from None
        while not self._finish(began + seconds):
            keep()
            if self.record.entries[0].fault is not None:
                raise EngineError(f"{self._address}: {self.record.entries[0].fault}")
        self.record.finished = is_whole and not self._is_cut_short
        keep()

    # -- a first look --------------------------------------------------------------------------

    @contextmanager
    def _looking(self, own: Entry, seconds: float) -> Iterator[Look | FirstLook]:
        """Give what takes a first look at a candidate, beside the plan's own, if there are so many seconds for all."""
        if COLD in self._ways:
            yield FirstLook(self._working, own)
            return
        with self._working(own) as worker, Workbench(self._working, lambda entry: write(self._with(entry))) as bench:
            yield Look(worker, bench, seconds)

    def _look_around(self, look: Look | FirstLook, until: float, keep: Callable[[], None]) -> bool:
        """Look at candidates until nothing promising is left; False if the time is up before."""
        known, ratios = search.variants(self._candidates), dict[int, "float | None"]()
        while (place := search.following(known, ratios)) is not None:
            if ratios and time.monotonic() > until:
                return False
            item = known[place]
            entry = Entry(calibrated(item.engine, self._calibration), item.batch_size, item.settings)
            best = min((ratio for ratio in ratios.values() if ratio is not None), default=math.inf)
            ratios[place] = self._look(entry, look, best, keep)
        return True

    def _look(self, entry: Entry, look: Look | FirstLook, best: float, keep: Callable[[], None]) -> float | None:
        """Look at a candidate, unless that was done; return its time as a part of the plan's own, None for a fault."""
        same = (item for item in self.record.entries if item.is_of(entry.engine, entry.batch_size, entry.settings))
        known = next(same, None)
        if known is None:
            self._report(f"{self._address}: {name_of(entry)}{_best_so_far(best)}")
            known = entry
            try:
                look.measure(entry, best)
            except FaultError as fault:
                if fault.entry is not entry:
                    raise
                fault.keep()
            self.record.entries.append(entry)
            keep()
        return None if known.fault is not None else self._time(known)

    def _time(self, entry: Entry) -> float:
        """Return one number for all the times that count: their geometric mean."""
        return math.prod(entry.takes(way) for way in self._ways) ** (1 / len(self._ways))

    # -- the fastest, thoroughly -----------------------------------------------------------------

    def _finish(self, deadline: float) -> bool:
        """Measure the fastest over all inputs and judge their answers; False if one of them failed."""
        entries = self.record.entries
        if entries[0].fault is not None:
            return False
        chosen = [entries[place] for place in search.finalists(entries, self._ways)]
        if all(entry.agreement is not None for entry in chosen):
            return True
        with ExitStack() as stack:
            workers: list[Contender] = []
            try:
                own_seconds = self._answers(chosen, workers, stack, deadline)
                del chosen[len(workers) :]
                items = few(workers[0].items)
                self._measure(chosen, workers, own_seconds, deadline)
            except FaultError as fault:
                _fail(fault, chosen)
                return False
        return COLD not in self._ways or self._started(chosen, items, deadline)

    def _measure(self, chosen: Sequence[Entry], workers: Sequence[Contender], each: float, deadline: float) -> None:
        """Measure the fastest in turn, in as many rounds as there is time for; each input takes so long."""
        places = spread(workers[0].items)
        least = min(LEAST_ITEMS, len(places))
        # One round is always finished, so it must not take more than there is: each input goes both ways.
        share = (deadline - time.monotonic()) / (2 * len(workers) * each)
        # What was looked at has its ratio.
        if share >= least or any(entry.ratio is None for entry in chosen):
            self._report(f"{self._address}: the {len(workers)} fastest in turn")
            some = places[: max(least, int(min(_ROUND_SECONDS / each, share)))]
            rounds = max(_ROUNDS, min(_MOST_ROUNDS, int(_ROUND_SECONDS / (len(some) * each))))
            _fill(chosen, in_turn(workers, some, rounds, deadline), len(some))
        else:
            # Modules are weighed by what whole inputs take, and looks took parts.
            chosen[0].milliseconds = dict.fromkeys(chosen[0].milliseconds or {}, round(1000 * each, 3))

    def _answers(self, chosen: Sequence[Entry], workers: list[Contender], stack: ExitStack, deadline: float) -> float:
        """Let as many answer as can be measured in turn then, three at least; return what the first took for an input.

        Args:
            chosen: in the order of their promise; the first is the plan's own.
            workers: the process of each is added.
            stack: ends them.
            deadline: of ``time.monotonic``.
        """
        began, own, own_seconds = time.monotonic(), list[Any](), 0.0
        for entry in chosen:
            now = time.monotonic()
            turn = 2 * LEAST_ITEMS * own_seconds * (len(workers) + 1)
            if len(workers) >= _LEAST_CHOSEN and now + (now - began) / len(workers) + turn > deadline:
                # What is left has an answer when the budget is larger.
                self._is_cut_short = True
                break
            self._report(f"{self._address}: the answers of {name_of(entry)}")
            workers.append(stack.enter_context(self._working(entry)))
            entry.loaded_ms = entry.loaded_ms or workers[-1].loaded_ms
            answered = workers[-1].ask({"results": True})
            if entry is chosen[0]:
                own, own_seconds = answered["results"], sum(answered["seconds"]) / workers[0].items
            entry.peak_mib = round(answered["peak_mib"], 1)
            self._judge(entry, answered["results"], own)
        return own_seconds

    def _started(self, chosen: Sequence[Entry], items: Sequence[int], deadline: float) -> bool:
        """Measure the first answers of the fastest; False if one of them failed."""
        self._report(f"{self._address}: the first answers of the {len(chosen)} fastest")
        starts = [partial(self._working, entry) for entry in chosen]
        try:
            found = from_start(starts, items, _ROUNDS, deadline)
        except FaultError as fault:
            _fail(fault, chosen)
            return False
        _fill(chosen, found, len(items))
        return True

    def _judge(self, entry: Entry, results: Sequence[Any], reference: Sequence[Any]) -> None:
        """Compare the answers of a candidate with the plan's own, and with the truth."""
        if self._is_hosted:
            entry.agreement = hosted.agreement(results, reference, precision_of(entry.engine))
            return
        agreement, accuracy = Agreement(self._fields), truth.Accuracy()
        for found, expected in zip(results, reference, strict=True):
            for one, other in zip(found, expected, strict=True):
                agreement.add(one, other)
            file = truth.name(found[0]) if found else ""
            # Several results are those of several lines, whose truth is not known one by one.
            if len(found) == 1 and file in self._known:
                accuracy.add(found[0], self._fields, self._known[file])
        entry.agreement = {kind: round(share, 6) for kind, share in agreement.shares().items()}
        entry.accuracy = accuracy.to_json()
        if entry is self.record.entries[0]:
            self.record.accuracy = entry.accuracy

    # -- processes -----------------------------------------------------------------------------

    def _working(self, entry: Entry) -> AbstractContextManager[Contender]:
        return working(self._options, self._with(entry), entry, self._own_seconds())

    def _own_seconds(self) -> float | None:
        """Return what the plan's own engine takes for an input, None if that is not known yet."""
        known = self.record.entries[0].milliseconds if self.record.entries else None
        return None if known is None else max(known.values()) / 1000

    def _with(self, entry: Entry) -> Plan:
        """Return the plan with a candidate in it."""
        return substituted(self._plan.plan, {self._address: Substitute(entry, self._model)})


def _fill(chosen: Sequence[Entry], found: Sequence[Times], items: int) -> None:
    """Fill in what was measured in turn; the first is the plan's own."""
    for entry, times in zip(chosen, found, strict=True):
        measured(entry, times, found[0], items)


def _fail(fault: FaultError, chosen: Sequence[Entry]) -> None:
    """Keep a fault; those that were measured in turn with it are measured anew."""
    for entry in chosen:
        entry.agreement = None
    fault.keep()


def _best_so_far(ratio: float) -> str:
    return "" if ratio == math.inf else f" (the fastest so far: {ratio:.2f} of the plan's own time)"
