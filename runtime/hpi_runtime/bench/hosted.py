"""Modules of pipelines that a host runs, measured on the arrays that it gave their engines.

Nothing around an engine is ours there: candidates take the same batches with the same settings, and one call after the
other, as the host makes them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.backends import STREAMS, value_of
from hpi_schemas.candidates import Candidate
from hpi_schemas.profile import FP32
from hpi_schemas.tolerances import TOLERANCES

from hpi_runtime import loader
from hpi_runtime.bench import replay
from hpi_runtime.engines.base import Arrays
from hpi_runtime.judge.compare import Numbers
from hpi_runtime.prepare.calibration import read_arrays, write_arrays
from hpi_runtime.run.executor import Item
from hpi_runtime.run.loading import load_engine
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.runner import Timer

_CALLS, _CALIBRATION = "calls", "calibration"
# What is near enough in a lower precision is not the same: so much at most, and choices without it are tried too.
_MOST_LOWER = 0.9999


def fitting(listed: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that take what the host gives; the first is the plan's own.

    Nobody collects the samples there that int8 is made with.
    """
    own = listed[0]
    streams = value_of(own.engine.backend, own.engine.config, STREAMS)
    return [
        Candidate(
            item.engine,
            item.batch_size,
            item.settings,
            tuple(engine for engine in item.lower if _CALIBRATION not in engine.config),
        )
        for item in listed
        if (item.batch_size, item.settings) == (own.batch_size, own.settings)
        and value_of(item.engine.backend, item.engine.config, STREAMS) in (None, 1, streams)
    ]


def record(
    plan: LocatedPlan, inputs: Sequence[str], addresses: Sequence[str], folder: Path, most: int, measure: Timer
) -> tuple[int, list[str]]:
    """Run a plan in its host, and keep what its engines get of each input.

    Args:
        plan: that has a host.
        inputs: paths and URLs.
        addresses: of the modules that matter.
        folder: where to keep it, a folder for each module.
        most: bytes of a module.
        measure: is told how long each run took.

    Returns:
        How many inputs there were, and what failed.
    """
    calls: dict[str, list[Arrays]] = {}
    sizes = dict.fromkeys(addresses, 0)
    failed: list[str] = []
    count = 0

    def observe(address: str, arrays: Arrays, outputs: Arrays) -> None:
        # PaddleX may write into them.
        calls.setdefault(address, []).append({name: array.copy() for name, array in arrays.items()})

    with loader.pipeline(plan, observe=observe, measure=measure) as pipeline:
        for name in inputs:
            calls.clear()
            faults = [item["error"]["message"] for item in pipeline.predict([name]) if item.is_failed]
            if faults:
                failed.append(f"{name}: {faults[0]}")
                continue
            for address in addresses:
                if address in calls and sizes[address] < most:
                    place = folder / address
                    place.mkdir(exist_ok=True)
                    item: Item[Any] = Item(name, {_CALLS: calls[address]})
                    sizes[address] += replay.save(item, (_CALLS,), name, place / f"{count:06}{replay.SUFFIX}")
            count += 1
    return count, failed


@contextmanager
def loaded(plan: LocatedPlan, address: str) -> Iterator[Any]:
    """Load the engine of a module; gives what runs items, as ``candidate.Run``."""
    module = plan.modules[address]
    folder = plan.store.resolve(module.model.dir)
    with load_engine(module.engine, module, folder) as engine:

        def run(items: Sequence[Item[str]], is_together: bool) -> tuple[list[Item[str]], list[float]]:
            done, seconds = [], []
            for item in items:
                started = time.perf_counter()
                answers = [list(engine.run(call).values()) for call in item.values[_CALLS]]
                seconds.append(time.perf_counter() - started)
                done.append(Item(item.source, {_CALLS: answers}))
            return done, [sum(seconds)] if is_together else seconds

        yield run


def cut(item: Item[str], most: int) -> Item[str]:
    """Return an item with fewer of the runs of an engine, evenly spread: of so many pictures, or of one run."""
    calls = item.values[_CALLS]
    # The first dimension is the batch; a scalar has none.
    largest = max((array.shape[0] for call in calls for array in call.values() if array.ndim), default=1)
    count = min(len(calls), max(1, most // max(1, largest)))
    return Item(item.source, {_CALLS: [calls[number * len(calls) // count] for number in range(count)]})


def results(items: Sequence[Item[str]], folder: Path) -> list[str]:
    """Keep what an engine answered in a new folder below this, and return the files: JSON would be many times as large.

    Args:
        items: that went through.
        folder: of whoever measures, who removes it.
    """
    folder = Path(tempfile.mkdtemp(dir=folder))
    paths = []
    for number, item in enumerate(items):
        path = folder / f"{number:06}{replay.SUFFIX}"
        with path.open("wb") as stream:
            write_arrays(stream, [array for answers in item.values[_CALLS] for array in answers])
        paths.append(str(path))
    return paths


def agreement(found: Sequence[str], expected: Sequence[str], precision: str) -> dict[str, float]:
    """Return which part of all outputs is the same within the tolerance of a precision.

    What that makes of the records, whole pipelines show.
    """
    same = total = 0
    for one, other in zip(found, expected, strict=True):
        for left, right in zip(read_arrays(Path(one)), read_arrays(Path(other)), strict=True):
            numbers = Numbers()
            numbers.add(np.asarray(right), np.asarray(left))
            same += numbers.within(TOLERANCES[precision])
            total += 1
    share = same / total if total else 1.0
    return {"outputs": round(share if precision == FP32 else min(share, _MOST_LOWER), 6)}
