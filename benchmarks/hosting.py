"""PaddleX alone beside PaddleX with a plan's engines, in turn, in one process: ``hosting.py MODELS PICTURE``.

Run by the Python of an environment that has PaddleX (``.venv-hosted/bin/python``). The pipeline is OCR with the models
that its configuration names, found below the folder; the reference is PaddleX's own ONNX Runtime engine with as many
threads.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

from hpi_paddlex.configuration import modules
from hpi_paddlex.pipeline import HostedPipeline
from hpi_runtime import LocatedPlan, plan_pipeline

ROUNDS = 12
OVERRIDES = ("use_doc_preprocessor=false", "use_textline_orientation=false")


def main() -> None:
    """Print the medians, and their ratios to PaddleX alone."""
    models, picture = sys.argv[1:3]
    plans = {name: _plan(models, name) for name in ("onnxruntime", "openvino")}
    hosted = {name: HostedPipeline(plan) for name, plan in plans.items()}
    runs: dict[str, Callable[[], object]] = {"paddlex alone": _alone(plans["onnxruntime"], picture)}
    for name, pipeline in hosted.items():
        runs[f"with {name}"] = partial(_read, pipeline.predict, picture)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(1 + ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if round_:
                times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:18} {value * 1000:8.1f} ms  {value / medians['paddlex alone']:5.2f} of PaddleX alone")


def _plan(models: str, backend: str) -> LocatedPlan:
    config = {"auto_config": False, "backend": backend}
    return plan_pipeline(
        "OCR", device="cpu", use_hpip=True, hpi_config=config, host="paddlex", overrides=OVERRIDES, models=[models]
    )


def _alone(plan: LocatedPlan, picture: str) -> Callable[[], object]:
    """Return what runs the same configuration with PaddleX's own engine."""
    paddlex: Any = import_module("paddlex")
    assert plan.plan.host is not None
    config = json.loads(json.dumps(plan.plan.host.pipeline))
    for address, node in modules(config):
        record = plan.modules[address]
        threads = {"intra_op_num_threads": record.engine.config["cpu_num_threads"]}
        node.update(engine="onnxruntime", engine_config=threads, model_dir=str(plan.store.resolve(record.model.dir)))
    pipeline = paddlex.create_pipeline(config=config, device="cpu")
    return partial(_read, pipeline.predict, picture)


def _read(predict: Callable[[str], Iterable[Any]], picture: str) -> object:
    return list(predict(picture))


if __name__ == "__main__":
    main()
