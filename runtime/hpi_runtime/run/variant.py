"""A loaded plan with other settings, over the same engines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hpi_schemas.plan.model import Graph

from hpi_runtime.inputs import media
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.inputs.reading import read
from hpi_runtime.inputs.values import each
from hpi_runtime.results.result import Result, unprotected
from hpi_runtime.run import loading
from hpi_runtime.run.executor import execute_one
from hpi_runtime.run.folders import Held
from hpi_runtime.run.items import items
from hpi_runtime.run.module_stage import Loaded
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.reporting import Reporter
from hpi_runtime.run.runner import Timer
from hpi_runtime.run.stages import workers


class Parts(NamedTuple):
    """What a loaded pipeline lends.

    Attributes:
        plan: that was loaded.
        loaded: its modules, by address.
        folders: of their models.
        held: what operations read of folders.
        measure: is told how long each step took.
        keep: references whose values items still have at the end.
    """

    plan: LocatedPlan
    loaded: Mapping[str, Loaded]
    folders: Mapping[str, Path]
    held: Held
    measure: Timer | None
    keep: Collection[str]


class Variant:
    """Answers one input at a time, in the thread of the caller; engines are run as their streams allow."""

    def __init__(
        self, parts: Parts, graph: Graph, settings: Mapping[str, Mapping[str, Any]], reporter: Reporter
    ) -> None:
        """Make new tasks where settings differ.

        Args:
            parts: of the loaded pipeline, which must outlive this.
            graph: to run; its modules are among those that are loaded.
            settings: of every module, by address.
            reporter: of that graph.

        Raises:
            PlanError, EngineError: a task does not take its settings.
        """
        loaded = {address: _with(parts, address, settings[address]) for address in graph.modules}
        self._workers = workers(graph, loaded, parts.measure, keep=parts.keep, held=parts.held)
        self._measure = parts.measure
        self._medium = media.of(parts.plan.plan)
        self._reporter = reporter

    def predict(self, input: Any, *, limits: Limits = DEFAULT, owner: Any = None) -> Iterator[Result]:
        """Yield a result for each picture or page of an input, as ``Pipeline.predict`` takes it.

        Args:
            input: see above.
            limits: what it may cost.
            owner: whose it is.
        """
        for item in items(read(each(input, self._medium), limits, self._medium), self._measure, owner):
            yield self._reporter.result(unprotected, execute_one(item, self._workers))


def _with(parts: Parts, address: str, settings: Mapping[str, Any]) -> Loaded:
    found = parts.loaded[address]
    record = parts.plan.modules[address]
    if record.settings == settings:
        return found
    task = loading.make_task(address, replace(record, settings=settings), parts.folders[address])
    return Loaded(task, found.runner)
