"""PaddleX with a plan's engines, or alone with its own: ``hosted_worker.py ours|alone PLAN MODELS``.

PLAN has PaddleX as its host. Alone, PaddleX runs the same configuration with its ONNX Runtime engine, in as many
threads. The text of a picture is PaddleX's record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from hpi_paddlex.configuration import modules, with_numbers
from hpi_paddlex.pipeline import HostedPipeline
from hpi_runtime import LocatedPlan, read_plan
from protocol import Lines, serve


def main() -> None:
    """Load and serve."""
    kind, path, models = sys.argv[1:4]
    plan = read_plan(path, models=[Path(folder) for folder in models.split(":")])
    run = HostedPipeline(plan).predict if kind == "ours" else _alone(plan)

    def read(paths: list[str]) -> list[Lines]:
        return [[{"poly": [], "text": json.dumps(_record(result))} for result in run(path)] for path in paths]

    serve(read)


def _record(result: Any) -> Any:
    own = getattr(result, "own", result)
    return own.json["res"]


def _alone(plan: LocatedPlan) -> Callable[[str], Iterable[Any]]:
    """Return what runs the plan's configuration with PaddleX's own engine."""
    paddlex: Any = import_module("paddlex")
    registry: Any = import_module("paddlex.inference.models.bindings.registry")
    assert plan.plan.host is not None
    config = with_numbers(json.loads(json.dumps(plan.plan.host.pipeline)))
    for address, node in modules(config):
        record = plan.modules[address]
        name = record.model.name
        known = registry.try_get_supported_engines(name)
        if "onnxruntime" not in known:
            predictor = registry.get_binding(name, known[0]).predictor
            registry.register_predictor_binding_map(predictor, {"onnxruntime": [name]})
        threads = {"intra_op_num_threads": record.engine.config["cpu_num_threads"]}
        node.update(engine="onnxruntime", engine_config=threads, model_dir=str(plan.store.resolve(record.model.dir)))
    return paddlex.create_pipeline(config=config, device="cpu").predict  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
