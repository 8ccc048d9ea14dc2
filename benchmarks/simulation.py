"""How many pictures a second would more cores give? Processes, threads and streams on cores, by what few cores showed.

A process is a row of stages that work at the same time, each on another picture. A stage takes so many seconds of one
thread for a picture, of which a part gets shorter with more threads (Amdahl), and meanwhile takes as many cores as it
is faster; with several streams it works on as many pictures at once. Runs share the cores evenly, and those of one
model at the same time slow each other, for they want the same of the machine at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# Pictures that may wait between two stages, as in the executor.
_DEPTH = 2


@dataclass(frozen=True)
class Stage:
    """What a stage costs.

    Attributes:
        seconds: of one thread, for a picture.
        parallel: the part of them that more threads share; 0 for what is no engine's.
        is_engine: an engine's threads and streams work on it.
    """

    seconds: float
    parallel: float = 0.0
    is_engine: bool = False


@dataclass(frozen=True)
class Layout:
    """How cores are used.

    Attributes:
        processes: side by side, each with all models.
        threads: of each engine, for all of its streams.
        streams: of each engine.
    """

    processes: int = 1
    threads: int = 1
    streams: int = 1

    def __str__(self) -> str:
        words = [f"{self.threads} thread{'s' * (self.threads > 1)}"]
        words += [f"{self.streams} streams"] if self.streams > 1 else []
        return f"{self.processes} × {', '.join(words)}"


@dataclass
class _Run:
    """A picture in a stage.

    Attributes:
        left: of it, in seconds of one thread.
        speed: of its threads together, if each has a core; and so many cores are busy with it.
        rate: of them now.
    """

    place: int
    left: float
    speed: float
    rate: float = 0.0


@dataclass
class _Process:
    """A row of stages with pictures on their way.

    Attributes:
        waiting: before each stage, and behind the last those that are done.
        running: in each stage.
    """

    stages: Sequence[Stage]
    layout: Layout
    waiting: list[int]
    running: list[list[_Run]] = field(default_factory=list)

    def start(self) -> None:
        """Begin whatever can begin."""
        for place in reversed(range(len(self.stages))):
            stage = self.stages[place]
            lanes = self.layout.streams if stage.is_engine else 1
            is_last = place == len(self.stages) - 1
            while (
                self.waiting[place]
                and len(self.running[place]) < lanes
                and (is_last or self.waiting[place + 1] + len(self.running[place]) < _DEPTH + lanes)
            ):
                self.waiting[place] -= 1
                threads = max(1, self.layout.threads // self.layout.streams) if stage.is_engine else 1
                speed = 1 / (1 - stage.parallel + stage.parallel / threads)
                self.running[place].append(_Run(place, stage.seconds, speed))

    def finish(self, run: _Run) -> None:
        """Move a picture on."""
        self.running[run.place].remove(run)
        self.waiting[run.place + 1] += 1


def throughput(
    stages: Sequence[Stage], layout: Layout, cores: int, contention: float = 0.0, pictures: int = 30
) -> float:
    """Return the pictures per second of all processes together.

    Args:
        stages: of the pipeline, in order.
        layout: of processes, threads and streams.
        cores: that they share.
        contention: by what part a run of a stage is slowed by each other run of that stage, on as many cores at most.
        pictures: of each process, in one go.
    """
    processes = [
        _Process(stages, layout, [pictures, *([0] * len(stages))], [[] for _ in stages])
        for _ in range(layout.processes)
    ]
    now = 0.0
    while True:
        for process in processes:
            process.start()
        active = [(process, run) for process in processes for runs in process.running for run in runs]
        if not active:
            return layout.processes * pictures / now
        share = min(1.0, cores / sum(run.speed for _, run in active))
        alike = Counter(run.place for _, run in active)
        for _, run in active:
            slowed = 1 + contention * (min(alike[run.place], cores) - 1)
            run.rate = run.speed * share / slowed
        step = min(run.left / run.rate for _, run in active)
        now += step
        for process, run in active:
            run.left -= step * run.rate
            if math.isclose(run.left, 0.0, abs_tol=1e-12):
                process.finish(run)


def layouts(cores: int) -> Iterator[Layout]:
    """Yield the layouts that use all cores: processes × threads, in as many streams as divide them."""
    for processes in range(1, cores + 1):
        if cores % processes == 0:
            threads = cores // processes
            yield from (Layout(processes, threads, streams) for streams in (1, 2, 4, 8) if threads % streams == 0)
