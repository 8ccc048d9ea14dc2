"""Measures plans side by side: a process each, asked in turn, so that what disturbs the machine disturbs all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_runtime.bench.figures import Measured
from hpi_runtime.bench.process import EndedError, Process
from hpi_runtime.errors import PlanError, RunnerError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What is the same for every plan.

    Attributes:
        root, models: where models are found, as for ``hpi-run``.
        module: the address of one module to run alone, None for whole pipelines.
        truth: a ``truth.json``, None without.
    """

    root: str | None = None
    models: Sequence[str] = ()
    module: str | None = None
    truth: str | None = None


class _FailedError(RunnerError):
    """A plan's process ended; it has said why on stderr."""

    def __init__(self, plan: str, code: int) -> None:
        super().__init__(f"{plan} cannot be measured")
        self.exit_code = code


class _Worker:
    """The process of one plan, and what was measured of it."""

    def __init__(self, plan: Path, process: Process) -> None:
        self._plan = str(plan)
        self._process = process
        ready = self._told(process.answer)
        self.measured = Measured(self._plan, ready["backends"], ready["warnings"], self.age)

    @property
    def age(self) -> float:
        """Seconds since the process was started."""
        return self._process.age

    def ask(self, inputs: Sequence[str], accuracy: bool = False) -> dict[str, Any]:
        """Run a pass and return what it took."""
        return self._told(lambda: self._process.ask({"accuracy": accuracy, "inputs": list(inputs)}))

    def _told(self, answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return answer()
        except EndedError as fault:
            # Killed, for want of memory perhaps.
            raise _FailedError(self._plan, fault.code if fault.code > 0 else RunnerError.exit_code) from None


def measure(
    plans: Sequence[Path], inputs: Sequence[str], rounds: int, setting: Setting, progress: Progress
) -> list[Measured]:
    """Measure plans in interleaved rounds.

    Every plan loads while no other runs. A first pass over the inputs, one by one, is the cold one; in every round
    after it each input goes through every plan alone, and then all inputs in one go. What fails is fast: an input of
    which a plan gives nothing is not timed.

    Args:
        plans: the files.
        inputs: paths and URLs.
        rounds: how many, after the cold pass.
        setting: what is the same for every plan.
        progress: is told what is being done: once a plan, once for the first pass, and twice a round.

    Raises:
        PlanError: no input can be processed, or none by all plans.
        RunnerError: a plan cannot be run; its process has said why on stderr.
    """
    with ExitStack() as stack:
        workers = []
        for plan in plans:
            progress(f"loading {plan}")
            worker = stack.enter_context(_working(plan, setting))
            _first(worker, inputs)
            workers.append(worker)
        progress("first pass")
        for worker in workers:
            _cold(worker, inputs)
        timed = _timed(workers, inputs)
        for place in range(rounds):
            progress(f"round {place + 1} of {rounds}, one at a time")
            for name in timed:
                for worker in workers:
                    worker.measured.single.setdefault(name, []).append(worker.ask([name]))
            progress(f"round {place + 1} of {rounds}, in one go")
            for worker in workers:
                worker.measured.stream.append(worker.ask(timed))
        return [worker.measured for worker in workers]


def _timed(workers: Sequence[_Worker], inputs: Sequence[str]) -> list[str]:
    """Return the inputs of which every plan gives something."""
    found = [
        name
        for place, name in enumerate(inputs)
        if all(len(item["failed"]) < item["pictures"] for item in (worker.measured.cold[place] for worker in workers))
    ]
    if not found:
        raise PlanError("there is no input that all plans can process: every one fails with one of them")
    return found


@contextmanager
def _working(plan: Path, setting: Setting) -> Iterator[_Worker]:
    options = {**vars(setting), "models": list(setting.models), "plan": str(plan)}
    with Process("hpi_runtime.bench.worker", options) as process:
        yield _Worker(plan, process)


def _first(worker: _Worker, inputs: Sequence[str]) -> None:
    worker.measured.cold.append(worker.ask(inputs[:1], accuracy=True))
    worker.measured.first_seconds = worker.age


def _cold(worker: _Worker, inputs: Sequence[str]) -> None:
    measured = worker.measured
    measured.cold += [worker.ask([name], accuracy=True) for name in inputs[1:]]
    if len(measured.failed) >= measured.cold_pictures:
        raise PlanError(f"{measured.name}: no input can be processed: {measured.failed[0]}")
    for item in measured.cold:
        for name, count in item["accuracy"].items():
            setattr(measured.accuracy, name, getattr(measured.accuracy, name) + count)
