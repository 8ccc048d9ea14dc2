"""One candidate under test, in a process of its own: ``python -m hpi_runtime.bench.candidate OPTIONS``, and JSON lines.

OPTIONS is a JSON object with ``plan`` (a file in which the module is the candidate), ``root``, ``models``, ``module``
and ``folder``, which holds what the module gets; or without a module, but with ``inputs`` (paths and URLs) for the
whole pipeline. It answers ``{"items": N}`` once all is loaded; then a request
``{"items": [places], "stream": bool}`` with the seconds that it took, one by one or in one go, ``{"results": true}``
with the results of all items, and ``{"plan": TEXT}``, once it has loaded that instead, with ``{"items": N}`` again.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from hpi_schemas.console import DONE, data_stream, guarded
from hpi_schemas.values import RECORD, Value

from hpi_runtime import kinds, loader
from hpi_runtime.bench import hosted, replay, whole
from hpi_runtime.bench.meter import peak_mib
from hpi_runtime.cli.telling import telling
from hpi_runtime.errors import EngineError
from hpi_runtime.results.result import Result
from hpi_runtime.run import folders
from hpi_runtime.run.executor import Item, execute_one
from hpi_runtime.run.loading import bind, load_engine, make_task
from hpi_runtime.run.module_stage import Loaded
from hpi_runtime.run.plan import LocatedPlan, parse
from hpi_runtime.run.runner import Runner
from hpi_runtime.run.stages import group_size, workers
from hpi_runtime.run.stream import execute

Items = Sequence[Item[str]]


def main(text: str) -> int:
    """Serve until stdin ends; the exit code is the return value."""
    options = json.loads(text)

    def work() -> int:
        with telling("hpi-bench"):
            return _serve(options)

    return guarded("hpi-bench", work)


def _serve(options: Mapping[str, Any]) -> int:
    plan: bytes | None = Path(options["plan"]).read_bytes()
    with data_stream() as answers:
        while plan is not None:
            with _loaded(options, plan) as (run, results_of):
                plan = _answered(options, answers, run, results_of)
            gc.collect()
    return DONE


def _answered(options: Mapping[str, Any], answers: BinaryIO, run: Run, results_of: ResultsOf) -> bytes | None:
    """Answer requests until one asks for another plan; return that, None at the end."""
    items = [Item(name) for name in options["inputs"]] if _is_whole(options) else list(replay.load(_folder(options)))
    _answer(answers, {"items": len(items)})
    for line in sys.stdin:
        request = json.loads(line)
        if "plan" in request:
            return str(request["plan"]).encode()
        chosen = items if "results" in request else [items[place] for place in request["items"]]
        done, seconds = run(chosen, request.get("stream", True))
        results = results_of(done) if "results" in request else None
        _answer(answers, {"peak_mib": peak_mib(), "results": results, "seconds": seconds})
    return None


def _is_whole(options: Mapping[str, Any]) -> bool:
    return options["module"] is None


def _folder(options: Mapping[str, Any]) -> Path:
    return Path(options["folder"])


# Runs items one by one or in one go; returns them, and the seconds that each took, or all together.
Run = Callable[[Items, bool], tuple[list[Item[str]], list[float]]]
# Returns what there is to judge of items, as JSON.
ResultsOf = Callable[[Items], list[Any]]


@contextmanager
def _loaded(options: Mapping[str, Any], text: bytes) -> Iterator[tuple[Run, ResultsOf]]:
    path, models = Path(options["plan"]), [Path(folder) for folder in options["models"]]
    plan = parse(text, path.parent, Path(options["root"]), models, "the candidate")
    address = options["module"]
    if _is_whole(options):
        with whole.loaded(plan) as run:
            yield run, whole.results
    elif loader.is_hosted(plan):
        with hosted.loaded(plan, address) as run:
            yield run, partial(hosted.results, folder=_folder(options).parent)
    else:
        with _native(plan, address) as (run, part):
            yield run, lambda items: [_results(item, part) for item in items]


@contextmanager
def _native(plan: LocatedPlan, address: str) -> Iterator[tuple[Run, replay.Part]]:
    record = plan.modules[address]
    folder = plan.store.resolve(record.model.dir)
    part = replay.part(plan, address)
    with ExitStack() as stack:
        task = make_task(address, record, folder)
        engine = stack.enter_context(load_engine(record.engine, record, folder))
        runner = stack.enter_context(Runner(address, engine, bind(address, record, task, engine), None, None))
        loaded = {address: Loaded(task, runner)}
        held = folders.load(part.graph, {name: _external(plan, name) for _, name in folders.named(part.graph) if name})
        chain, alone = (workers(part.graph, loaded, None, is_alone, part.gives, held) for is_alone in (False, True))
        size, depth = group_size(part.graph, loaded), max(2, engine.streams)

        def run(items: Items, stream: bool) -> tuple[list[Item[str]], list[float]]:
            fresh = [Item(item.source, dict(item.values)) for item in items]
            if stream:
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


def _results(item: Item[str], part: replay.Part) -> list[Mapping[str, Any]]:
    """Return the results of an item: the pipeline's, or the module's for each picture that it got."""
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


def _answer(answers: BinaryIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
