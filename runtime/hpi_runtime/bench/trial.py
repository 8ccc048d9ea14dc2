"""The trial of one module: its candidates, measured in turn with the plan's own engine, and their answers judged."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from hpi_schemas.candidates import ModuleCandidates
from hpi_schemas.plan.model import EngineRecord, Plan, PrepareStep
from hpi_schemas.plan.write import write
from hpi_schemas.profile import FP32, LATENCY, THROUGHPUT, Entry, ModuleProfile, entry_of

from hpi_runtime.bench import replay, search
from hpi_runtime.bench.process import EndedError, Process
from hpi_runtime.errors import EngineError
from hpi_runtime.judge import truth
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.run.plan import LocatedPlan

# What the fastest are measured thoroughly by: rounds, and the time that the plan's own engine has in each of them.
_ROUNDS, _ROUND_SECONDS = 3, 6.0
# The first look at a candidate takes as many inputs, and as many passes, as the plan's own engine does in this time.
_LOOK_SECONDS, _MOST_PASSES, _LEAST_ITEMS = 1.5, 5, 3
# Multiples of the golden ratio spread a choice of inputs evenly, however many there will be (Kronecker's sequence).
_GOLDEN = 0.6180339887
# A candidate hangs if it takes this much longer than the plan's own engine, and so many seconds besides; or to load.
_SLOWEST, _PATIENCE_SECONDS, _LOADING_SECONDS = 20, 60.0, 900.0
# Of the time that a module has, this part is for looking; the rest is for the fastest.
_LOOKING = 0.6

Report = Callable[[str], None]
# Seconds of each round, by how the inputs were sent.
Times = dict[str, list[float]]


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
    ) -> None:
        """Begin a trial.

        Args:
            plan: of the whole pipeline.
            listed: the module's candidates.
            options: for the processes: ``module``, ``folder``, ``root`` and ``models``.
            known: what is true of the inputs.
            calibration: the digest of the samples for int8, None without.
            report: is told what is being done.
        """
        self._plan = plan
        self._address = str(options["module"])
        self._options = options
        self._known = known
        self._calibration = calibration
        self._report = report
        self._model = listed.model
        self._fields = replay.part(plan, self._address).fields
        self._candidates = listed.listed
        self.record = ModuleProfile(
            candidates=listed.digest,
            files=self._model.files,
            precision=str(self._candidates[0].engine.config.get("precision", FP32)),
            calibration=calibration,
        )

    def resume(self, record: ModuleProfile | None) -> None:
        """Go on with what an earlier run measured, if it was about the same files, samples and plan."""
        own = self.record
        if record is None or not record.entries:
            return
        first = self._candidates[0]
        about, now = ((item.calibration, item.files, item.precision) for item in (record, own))
        if about == now and record.entries[0].is_of(first.engine, first.batch_size, first.settings):
            # Of a longer list of candidates, some may not have been looked at.
            is_finished = record.finished and record.candidates == own.candidates
            self.record = replace(record, candidates=own.candidates, finished=is_finished)

    def cost(self, seconds: float) -> float:
        """Return roughly what looking at all candidates costs, if the plan's own engine takes so long for an input."""
        return 0.0 if self.record.finished else len(self._candidates) * max(_LOOK_SECONDS, _LEAST_ITEMS * seconds)

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
            with self._working(entry_of(self._candidates[0])) as own:
                is_whole = self._look_around(_Look(own), began + _LOOKING * seconds, keep)
        except _FaultError as fault:
            raise EngineError(f"{self._address}: {fault}") from None
        while not self._finish(began + seconds):
            keep()
            if self.record.entries[0].fault is not None:
                raise EngineError(f"{self._address}: {self.record.entries[0].fault}")
        self.record.finished = is_whole
        keep()

    # -- a first look --------------------------------------------------------------------------

    def _look_around(self, look: _Look, until: float, keep: Callable[[], None]) -> bool:
        """Look at candidates until nothing promising is left; False if the time is up before."""
        candidates, ratios = self._candidates, dict[int, "float | None"]()
        while (place := search.following(candidates, ratios)) is not None:
            if ratios and time.monotonic() > until:
                return False
            ratios[place] = self._look(entry_of(candidates[place]), look, keep)
        for place in search.worth_lowering(candidates, ratios):
            for engine in candidates[place].lower:
                if time.monotonic() > until:
                    return False
                self._look(entry_of(candidates[place], _calibrated(engine, self._calibration)), look, keep)
        return True

    def _look(self, entry: Entry, look: _Look, keep: Callable[[], None]) -> float | None:
        """Look at a candidate, unless that was done; return its time as a part of the plan's own, None for a fault."""
        same = (item for item in self.record.entries if item.is_of(entry.engine, entry.batch_size, entry.settings))
        known = next(same, None)
        if known is None:
            self._report(f"{self._address}: {name_of(entry)}")
            known = entry
            try:
                with self._working(entry) as worker:
                    entry.loaded_ms = worker.loaded_ms
                    look.measure(worker, entry)
            except _FaultError as fault:
                if fault.entry is not entry:
                    raise
                _fail(entry, fault)
            self.record.entries.append(entry)
            keep()
        return None if known.fault is not None else _both(known)

    # -- the fastest, thoroughly -----------------------------------------------------------------

    def _finish(self, deadline: float) -> bool:
        """Measure the fastest over all inputs and judge their answers; False if one of them failed."""
        entries = self.record.entries
        if entries[0].fault is not None:
            return False
        chosen = [entries[place] for place in search.finalists(entries)]
        if all(entry.agreement is not None for entry in chosen):
            return True
        with ExitStack() as stack:
            workers: list[_Worker] = []
            answers: list[Sequence[Any]] = []
            try:
                for entry in chosen:
                    self._report(f"{self._address}: the answers of {name_of(entry)}")
                    workers.append(stack.enter_context(self._working(entry)))
                    answered = workers[-1].ask({"results": True})
                    answers.append(answered["results"])
                    entry.peak_mib = round(answered["peak_mib"], 1)
                    self._judge(entry, answers[-1], answers[0])
                self._report(f"{self._address}: the {len(workers)} fastest in turn")
                count = max(_LEAST_ITEMS, int(_ROUND_SECONDS / (self._own_seconds() or _ROUND_SECONDS)))
                places = _spread(workers[0].items)[:count]
                found = _in_turn(workers, places, _ROUNDS, deadline)
            except _FaultError as fault:
                _fail(fault.entry, fault)
                return False
            for entry, times_of in zip(chosen, found, strict=True):
                _measured(entry, times_of, found[0], len(places))
        return True

    def _judge(self, entry: Entry, results: Sequence[Any], reference: Sequence[Any]) -> None:
        """Compare the answers of a candidate with the plan's own, and with the truth."""
        agreement, accuracy = Agreement(self._fields), truth.Accuracy()
        for found, expected in zip(results, reference, strict=True):
            for one, other in zip(found, expected, strict=True):
                agreement.add(one, other)
            file = Path(str(found[0]["input_path"])).name if found else ""
            # Several results are those of several lines, whose truth is not known one by one.
            if len(found) == 1 and file in self._known:
                accuracy.add(found[0], self._fields, self._known[file])
        entry.agreement = {kind: round(share, 6) for kind, share in agreement.shares().items()}
        entry.accuracy = accuracy.to_json()
        if entry is self.record.entries[0]:
            self.record.accuracy = entry.accuracy

    # -- processes -----------------------------------------------------------------------------

    @contextmanager
    def _working(self, entry: Entry) -> Iterator[_Worker]:
        """Start the process of a candidate, and wait until it is loaded."""
        with tempfile.TemporaryDirectory(prefix="hpi-bench-") as folder, tempfile.TemporaryFile() as said:
            file = Path(folder) / "plan.json"
            file.write_text(write(self._with(entry)), encoding="utf-8")
            with Process("hpi_runtime.bench.candidate", {**self._options, "plan": str(file)}, said) as process:
                yield _Worker(process, said, entry, self._own_seconds())

    def _own_seconds(self) -> float | None:
        """Return what the plan's own engine takes for an input, None if that is not known yet."""
        known = self.record.entries[0].milliseconds if self.record.entries else None
        return None if known is None else known[LATENCY] / 1000

    def _with(self, entry: Entry) -> Plan:
        """Return the plan with a candidate in it."""
        own = self._plan.modules[self._address]
        record = replace(
            own,
            batch_size=entry.batch_size,
            engine=entry.engine,
            fallback=(),
            session=None,
            model=self._model,
            settings={**own.settings, **entry.settings},
        )
        # Another engine is in no session of the others.
        others = {address: replace(item, session=None) for address, item in self._plan.modules.items()}
        return replace(self._plan.plan, modules={**others, self._address: record})


class _FaultError(Exception):
    """A candidate that cannot be measured; the message is its own."""

    def __init__(self, message: str, entry: Entry) -> None:
        super().__init__(message)
        self.entry = entry


class _Worker:
    """The process of a candidate; one that ends early or hangs raises a ``_FaultError`` with its last words.

    Attributes:
        items: how many inputs the module gets.
        loaded_ms: from the start of the process until the engine was loaded.
    """

    def __init__(self, process: Process, said: IO[bytes], entry: Entry, own_seconds: float | None) -> None:
        self._process, self._said, self._entry, self._own_seconds = process, said, entry, own_seconds
        limit = None if own_seconds is None else _LOADING_SECONDS
        self.items = int(self._told(lambda: process.answer(limit))["items"])
        self.loaded_ms = round(1000 * process.age, 1)

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
            raise _FaultError(reason, self._entry) from None


class _Look:
    """How a first look is taken: at as many inputs, as often, as the plan's own engine manages in a short time."""

    def __init__(self, own: _Worker) -> None:
        self._items: list[int] = []
        total = 0.0
        for place in _spread(own.items):
            if len(self._items) < _LEAST_ITEMS or total < _LOOK_SECONDS:
                self._items.append(place)
                # The second time, for the first compiles what is new.
                seconds = [sum(own.ask({"items": [place], "stream": False})["seconds"]) for _ in range(2)]
                total += seconds[1]
        self._passes = max(1, min(_MOST_PASSES, int(_LOOK_SECONDS / total)))
        self._own = own

    def measure(self, worker: _Worker, entry: Entry) -> None:
        """Measure a candidate in turn with the plan's own engine."""
        # What is new to the candidate is no part of its speed.
        worker.ask({"items": self._items})
        own, found = _in_turn([self._own, worker], self._items, self._passes)
        _measured(entry, found, own, len(self._items))


def name(engine: EngineRecord, batch_size: int, settings: Mapping[str, Any]) -> str:
    """Return a short name of a candidate, for people."""
    config = engine.config
    words = [engine.backend]
    words += [str(config[key]) for key in ("precision", "run_mode") if key in config]
    words += [f"{config[key]} threads" for key in ("cpu_num_threads", "cpu_threads") if key in config]
    words += [f"{config['num_streams']} streams"] if config.get("num_streams", 1) > 1 else []
    words.append(f"batch_size {batch_size}")
    return ", ".join([*words, *(f"{key} {value}" for key, value in settings.items())])


def name_of(entry: Entry) -> str:
    """Return a short name of a candidate that was measured."""
    return name(entry.engine, entry.batch_size, entry.settings)


def _spread(items: int) -> list[int]:
    """Return the places of all inputs in an order of which every beginning is evenly spread."""
    return sorted(range(items), key=lambda place: place * _GOLDEN % 1)


def _in_turn(workers: Sequence[_Worker], items: list[int], rounds: int, deadline: float = math.inf) -> list[Times]:
    """Return the seconds that each candidate took in each round; one round is always finished."""
    found: list[Times] = [{LATENCY: [], THROUGHPUT: []} for _ in workers]
    for place in range(rounds):
        if place and time.monotonic() > deadline:
            break
        alone = [0.0] * len(workers)
        for item in items:
            for index, worker in enumerate(workers):
                alone[index] += sum(worker.ask({"items": [item], "stream": False})["seconds"])
        for times, worker, seconds in zip(found, workers, alone, strict=True):
            times[LATENCY].append(seconds)
            times[THROUGHPUT].append(sum(worker.ask({"items": items})["seconds"]))
    return found


def _measured(entry: Entry, found: Times, own: Times, items: int) -> None:
    """Fill in milliseconds per input, and the medians over the rounds of times ÷ those of the plan's own engine."""
    ratios = {kind: [one / other for one, other in zip(times, own[kind], strict=True)] for kind, times in found.items()}
    entry.milliseconds = {kind: round(1000 * statistics.median(times) / items, 3) for kind, times in found.items()}
    entry.ratio = {kind: round(statistics.median(values), 4) for kind, values in ratios.items()}
    entry.rounds = len(found[LATENCY])


def _both(entry: Entry) -> float:
    """Return one number for one by one and in one go."""
    return math.sqrt(entry.takes(LATENCY) * entry.takes(THROUGHPUT))


def _fail(entry: Entry, fault: _FaultError) -> None:
    """Turn what looked usable into a fault."""
    for key, value in vars(Entry(entry.engine, entry.batch_size, entry.settings, str(fault))).items():
        setattr(entry, key, value)


def _calibrated(engine: EngineRecord, calibration: str | None) -> EngineRecord:
    """Return an engine whose quantisation takes the samples that were collected."""
    if calibration is None or "calibration" not in engine.config:
        return engine
    steps = tuple(_with_samples(step, calibration) for step in engine.prepare)
    return replace(engine, config={**engine.config, "calibration": calibration}, prepare=steps)


def _with_samples(step: PrepareStep, calibration: str) -> PrepareStep:
    if "calibration" not in step.options:
        return step
    return replace(step, options={**step.options, "calibration": calibration})
