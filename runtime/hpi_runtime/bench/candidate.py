"""One candidate under test, in a process of its own: ``python -m hpi_runtime.bench.candidate OPTIONS``, and JSON lines.

OPTIONS is a JSON object with ``plan`` (a file in which the module is the candidate), ``root``, ``models``, ``module``
and ``folder``, which holds what the module gets; or without a module, but with ``inputs`` (paths and URLs) for the
whole pipeline. It answers ``{"items": N}`` once all is loaded; then a request
``{"items": [places], "stream": bool}`` with the seconds that it took, one by one or in one go, of each input no more
than ``"most"`` pictures if that is given; ``{"results": true}`` with the results of all items; and ``{"plan": TEXT}``,
once it has loaded that instead, with ``{"items": N}`` again.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hpi_schemas.console import DONE, data_stream

from hpi_runtime import loader
from hpi_runtime.bench import hosted, native, replay, whole
from hpi_runtime.bench.meter import peak_mib
from hpi_runtime.cli.telling import told
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import parse

Items = Sequence[Item[str]]


def main(text: str) -> int:
    """Serve until stdin ends; the exit code is the return value."""
    options = json.loads(text)
    return told("hpi-bench", lambda: _serve(options))


def _serve(options: Mapping[str, Any]) -> int:
    plan: bytes | None = Path(options["plan"]).read_bytes()
    with data_stream() as answers:
        while plan is not None:
            with _loaded(options, plan) as tested:
                plan = _answered(options, answers, tested)
            gc.collect()
    return DONE


def _answered(options: Mapping[str, Any], answers: BinaryIO, tested: Tested) -> bytes | None:
    """Answer requests until one asks for another plan; return that, None at the end."""
    items = [Item(name) for name in options["inputs"]] if _is_whole(options) else list(replay.load(_folder(options)))
    _answer(answers, {"items": len(items)})
    for line in sys.stdin:
        request = json.loads(line)
        if "plan" in request:
            return str(request["plan"]).encode()
        chosen = items if "results" in request else [items[place] for place in request["items"]]
        if request.get("most") is not None:
            chosen = [tested.cut(item, request["most"]) for item in chosen]
        done, seconds = tested.run(chosen, request.get("stream", True))
        results = tested.results_of(done) if "results" in request else None
        _answer(answers, {"peak_mib": peak_mib(), "results": results, "seconds": seconds})
    return None


def _is_whole(options: Mapping[str, Any]) -> bool:
    return options["module"] is None


def _folder(options: Mapping[str, Any]) -> Path:
    return Path(options["folder"])


class Tested(NamedTuple):
    """What is loaded.

    Attributes:
        run: runs items one by one or in one go; returns them, and the seconds that each took, or all together.
        results_of: what there is to judge of items, as JSON.
        cut: gives an item with at most so many of its pictures, where that can be.
    """

    run: Callable[[Items, bool], tuple[list[Item[str]], list[float]]]
    results_of: Callable[[Items], list[Any]]
    cut: Callable[[Item[str], int], Item[str]] = lambda item, _: item


@contextmanager
def _loaded(options: Mapping[str, Any], text: bytes) -> Iterator[Tested]:
    path, models = Path(options["plan"]), [Path(folder) for folder in options["models"]]
    plan = parse(text, path.parent, Path(options["root"]), models, "the candidate")
    address = options["module"]
    if _is_whole(options):
        with whole.loaded(plan) as run:
            yield Tested(run, whole.results)
    elif loader.is_hosted(plan):
        with hosted.loaded(plan, address) as run:
            yield Tested(run, partial(hosted.results, folder=_folder(options).parent), hosted.cut)
    else:
        with native.loaded(plan, address) as (run, part):
            yield Tested(run, partial(native.results, part=part), partial(replay.cut, part))


def _answer(answers: BinaryIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
