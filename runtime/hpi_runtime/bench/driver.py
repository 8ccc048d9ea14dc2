"""Measures plans side by side: a process each, asked in turn, so that what disturbs the machine disturbs all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_runtime.bench.figures import Measured
from hpi_runtime.errors import PlanError, RunnerError

Progress = Callable[[str], None]
_WAIT_SECONDS = 30


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
    """The process of one plan."""

    def __init__(self, plan: Path, setting: Setting) -> None:
        options = {**vars(setting), "models": list(setting.models), "plan": str(plan)}
        self._plan = str(plan)
        self._started = time.perf_counter()
        command = [sys.executable, "-m", "hpi_runtime.bench.worker", json.dumps(options)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 (ours)
        try:
            ready = self._answer()
        except BaseException:
            self.close()
            raise
        self.measured = Measured(self._plan, ready["backends"], ready["warnings"], self.age)

    @property
    def age(self) -> float:
        """Seconds since the process was started."""
        return time.perf_counter() - self._started

    def ask(self, inputs: Sequence[str], accuracy: bool = False) -> dict[str, Any]:
        """Run a pass and return what it took."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"accuracy": accuracy, "inputs": list(inputs)}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None
        return self._answer()

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        found: dict[str, Any] = json.loads(line)
        return found

    def _failed(self) -> _FailedError:
        code = self._process.wait()
        # Killed, for want of memory perhaps.
        return _FailedError(self._plan, code if code > 0 else RunnerError.exit_code)


def measure(
    plans: Sequence[Path], inputs: Sequence[str], rounds: int, setting: Setting, progress: Progress
) -> list[Measured]:
    """Measure plans in interleaved rounds.

    Every plan loads while no other runs. A first pass over the inputs, one by one, is the cold one; in every round
    after it each input goes through every plan alone, and then all inputs in one go.

    Args:
        plans: the files.
        inputs: paths and URLs.
        rounds: how many, after the cold pass.
        setting: what is the same for every plan.
        progress: is told what is being done: once a plan, once for the first pass, and twice a round.

    Raises:
        PlanError: no input can be processed.
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
        for place in range(rounds):
            progress(f"round {place + 1} of {rounds}, one at a time")
            for name in inputs:
                for worker in workers:
                    worker.measured.single.setdefault(name, []).append(worker.ask([name]))
            progress(f"round {place + 1} of {rounds}, in one go")
            for worker in workers:
                worker.measured.stream.append(worker.ask(inputs))
        return [worker.measured for worker in workers]


@contextmanager
def _working(plan: Path, setting: Setting) -> Iterator[_Worker]:
    worker = _Worker(plan, setting)
    try:
        yield worker
    finally:
        worker.close()


def _first(worker: _Worker, inputs: Sequence[str]) -> None:
    worker.measured.cold.append(worker.ask(inputs[:1], accuracy=True))
    worker.measured.first_seconds = worker.age


def _cold(worker: _Worker, inputs: Sequence[str]) -> None:
    measured = worker.measured
    measured.cold += [worker.ask([name], accuracy=True) for name in inputs[1:]]
    if len(measured.failed) >= measured.pictures:
        raise PlanError(f"{measured.name}: no input can be processed: {measured.failed[0]}")
    for item in measured.cold:
        for name, count in item["accuracy"].items():
            setattr(measured.accuracy, name, getattr(measured.accuracy, name) + count)
