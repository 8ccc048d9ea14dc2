"""One plan under test, in a process of its own: ``python -m hpi_runtime.bench.worker OPTIONS``, and JSON lines.

OPTIONS is a JSON object with ``plan``, ``root``, ``models``, ``module`` and ``truth``. It answers ``{"warnings": […]}``
once all is loaded, then a request ``{"inputs": […], "accuracy": bool}`` with what a pass over the inputs took.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from hpi_schemas.console import DONE, data_stream, guarded

from hpi_runtime import loader
from hpi_runtime.bench.meter import Meter
from hpi_runtime.cli.telling import telling
from hpi_runtime.judge import truth
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import load


def main(text: str) -> int:
    """Serve until stdin ends; the exit code is the return value."""
    options = json.loads(text)

    def work() -> int:
        with telling("hpi-bench"):
            return _serve(options)

    return guarded(f"hpi-bench: {options['plan']}", work)


def _serve(options: Mapping[str, Any]) -> int:
    with data_stream() as answers:
        _answer_all(options, answers)
    return DONE


def _answer_all(options: Mapping[str, Any], answers: BinaryIO) -> None:
    root = None if options["root"] is None else Path(options["root"])
    plan = load(Path(options["plan"]), root, [Path(folder) for folder in options["models"]])
    known = {} if options["truth"] is None else truth.load(Path(options["truth"]))
    meter = Meter()
    with loader.pipeline(plan, options["module"], observe=meter.observe, measure=meter.measure) as pipeline:
        warnings = [*pipeline.warnings]
        if known and not isinstance(pipeline, NativePipeline):
            known = {}
            warnings.append("no error rates: these records are PaddleX's own, and nobody here knows their fields")
        _answer(answers, {"backends": _backends(pipeline), "warnings": warnings})
        for line in sys.stdin:
            request = json.loads(line)
            _answer(answers, _one_pass(pipeline, meter, request["inputs"], known if request["accuracy"] else {}))


def _one_pass(pipeline: Pipeline, meter: Meter, inputs: Sequence[str], known: truth.Truth) -> dict[str, Any]:
    meter.restart()
    results = []
    started = time.perf_counter()
    for result in pipeline.predict(inputs):
        # What a program would do with it, as hpi-run does.
        result.to_line()
        result.image = None
        results.append(result)
    seconds = time.perf_counter() - started
    accuracy = truth.Accuracy()
    for result in results:
        name = truth.name(result)
        if name in known and isinstance(pipeline, NativePipeline):
            accuracy.add(result, pipeline.fields, known[name])
    failed = [f"{result['input_path']}: {result['error']['message']}" for result in results if result.is_failed]
    return {
        "accuracy": vars(accuracy),
        "failed": failed,
        "pictures": len(results),
        "seconds": seconds,
        **meter.to_json(),
    }


def _backends(pipeline: Pipeline) -> dict[str, str]:
    return {address: engine.name for address, engine in pipeline.engines.items()}


def _answer(answers: BinaryIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
