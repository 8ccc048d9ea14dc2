"""A whole pipeline on ONNX Runtime: ``pipeline_worker.py ours PLAN`` or ``pipeline_worker.py paddlex YAML THREADS``.

With a picture more, it answers no requests: it runs that once, as a command does.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from protocol import Lines, serve

# It would look for its model hubs.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main() -> None:
    """Load, and run once or serve."""
    kind, file, *rest = sys.argv[1:]
    pipeline = _ours(file) if kind == "ours" else _paddlex(file, int(rest.pop(0)))
    if rest:
        list(pipeline.predict(rest[0]))
        return

    def read(paths: list[str]) -> list[Lines]:
        return [[] for _ in pipeline.predict(paths)]

    serve(read)


def _ours(plan: str) -> Any:
    from hpi_runtime import load_plan

    return load_plan(plan)


def _paddlex(config: str, threads: int) -> Any:
    from paddlex import create_pipeline

    return create_pipeline(config, device="cpu", engine="onnxruntime", engine_config={"intra_op_num_threads": threads})


if __name__ == "__main__":
    main()
