"""A module of a pipeline of ours under test, on what it gets there, with the operations that it decides alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hpi_schemas.values import RECORD, Value

from hpi_runtime import kinds
from hpi_runtime.bench import replay
from hpi_runtime.errors import EngineError
from hpi_runtime.results.result import Result
from hpi_runtime.run import folders
from hpi_runtime.run.executor import Item, execute_one
from hpi_runtime.run.loading import bind, load_engine, make_task
from hpi_runtime.run.module_stage import Loaded
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.runner import Runner
from hpi_runtime.run.stages import group_size, workers
from hpi_runtime.run.stream import execute


@contextmanager
def loaded(plan: LocatedPlan, address: str) -> Iterator[tuple[Any, replay.Part]]:
    """Load a module; gives what runs items, as ``candidate.Run``, and the part of the graph that runs."""
    record = plan.modules[address]
    folder = plan.store.resolve(record.model.dir)
    part = replay.part(plan, address)
    with ExitStack() as stack:
        task = make_task(address, record, folder)
        engine = stack.enter_context(load_engine(record.engine, record, folder))
        runner = stack.enter_context(Runner(address, engine, bind(address, record, task, engine), None, None))
        module = {address: Loaded(task, runner)}
        held = folders.load(part.graph, {name: _external(plan, name) for _, name in folders.named(part.graph) if name})
        chain, alone = (workers(part.graph, module, None, is_alone, part.gives, held) for is_alone in (False, True))
        size, depth = group_size(part.graph, module), max(2, engine.streams)

        def run(items: Sequence[Item[str]], is_together: bool) -> tuple[list[Item[str]], list[float]]:
            fresh = [Item(item.source, dict(item.values)) for item in items]
            if is_together:
                started = time.perf_counter()
                done = successful(execute(fresh, [chain], depth, size))
                return done, [time.perf_counter() - started]
            seconds = []
            for item in fresh:
                started = time.perf_counter()
                execute_one(item, alone)
                seconds.append(time.perf_counter() - started)
            return successful(fresh), seconds

        yield run, part


def _external(plan: LocatedPlan, address: str) -> Path:
    return plan.store.resolve(plan.plan.external[address].dir or "")


def successful(items: Iterable[Item[str]]) -> list[Item[str]]:
    """Return items, or fail if one of them did: the plan's own engine could process all, and failing is fast.

    Raises:
        EngineError: an item has an error.
    """
    done = list(items)
    for item in done:
        if item.error is not None:
            raise EngineError(f"{item.source}: {item.error}")
    return done


def results(items: Sequence[Item[str]], part: replay.Part) -> list[list[Mapping[str, Any]]]:
    """Return the results of each item: the pipeline's, or the module's for each picture that it got."""
    return [_results(item, part) for item in items]


def _results(item: Item[str], part: replay.Part) -> list[Mapping[str, Any]]:
    if part.result is not None:
        return [_plain(item.values[part.result], item, part)]
    ports = {name: item.values[f"{part.stage}.{name}"] for name in part.fields}
    if not part.graph.stages[part.stage].many:
        return [_plain(ports, item, part)]
    pictures = zip(*ports.values(), strict=True)
    return [_plain(dict(zip(ports, values, strict=True)), item, part) for values in pictures]


def _plain(record: Mapping[str, Any], item: Item[str], part: replay.Part) -> Mapping[str, Any]:
    values = kinds.to_json(record, Value(RECORD, fields=part.fields))
    plain: Mapping[str, Any] = json.loads(Result({"input_path": item.source, **values}).to_line())
    return plain
