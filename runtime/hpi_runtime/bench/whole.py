"""Whole pipelines under test: inputs go through all modules, as hpi-run sends them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hpi_runtime import loader
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import LocatedPlan

_RESULTS = "results"


@contextmanager
def loaded(plan: LocatedPlan) -> Iterator[Any]:
    """Load a pipeline; gives what runs inputs, as ``candidate.Run``."""
    with loader.pipeline(plan) as pipeline:

        def run(items: Sequence[Item[str]], is_together: bool) -> tuple[list[Item[str]], list[float]]:
            done, seconds = [], []
            for some in [items] if is_together else [[item] for item in items]:
                started = time.perf_counter()
                # As hpi-run, which keeps no picture to draw on.
                lines = [result.to_line() for result in pipeline.predict([item.source for item in some])]
                seconds.append(time.perf_counter() - started)
                done += [Item(item.source, {_RESULTS: lines}) for item in some]
            return done, seconds

        yield run


def results(items: Sequence[Item[str]]) -> list[list[Mapping[str, Any]]]:
    """Return the results of each input that ran by itself: one for every page, or one that has an ``error``."""
    return [[json.loads(line) for line in item.values[_RESULTS]] for item in items]
