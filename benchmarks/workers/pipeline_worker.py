"""A whole pipeline on ONNX Runtime: ``ours PLAN [MODELS]``, ``paddlex YAML THREADS`` or ``hosted PLAN MODELS``.

The last is PaddleX alone too, by the configuration in a plan that it hosts. With an input more, none answers requests:
it runs that once, as a command does.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from protocol import Lines, serve

# It would look for its model hubs.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
TESTS = Path(__file__).parents[2] / "tests"


def main() -> None:
    """Load, and run once or serve."""
    kind, file, *rest = sys.argv[1:]
    if kind == "paddlex":
        pipeline = _paddlex(file, int(rest.pop(0)))
    else:
        folders = [rest.pop(0)] if rest and Path(rest[0]).is_dir() else []
        pipeline = _ours(file, folders) if kind == "ours" else _hosted(file, folders)
    if rest:
        list(pipeline.predict(rest[0]))
        return

    def read(paths: list[str]) -> list[Lines]:
        # PaddleX's pipelines of series and videos take no lists.
        return [[] for path in paths for _ in pipeline.predict(path)]

    serve(read)


def _ours(plan: str, models: list[str]) -> Any:
    from hpi_runtime import load_plan

    return load_plan(plan, models=models)


def _paddlex(config: str, threads: int) -> Any:
    from paddlex import create_pipeline

    return create_pipeline(config, device="cpu", engine="onnxruntime", engine_config={"intra_op_num_threads": threads})


def _hosted(plan: str, models: list[str]) -> Any:
    sys.path.insert(0, str(TESTS))
    from hosted import reference
    from hpi_runtime.run.plan import load

    loaded = load(Path(plan), models=[Path(folder) for folder in models])
    found = reference.pipeline(loaded, {})
    index = loaded.plan.external.get("index")
    if index is not None and index.dir is not None:
        # Without one they refuse to begin.
        found.predict = partial(found.predict, index=str(loaded.store.resolve(index.dir)))
    return found


if __name__ == "__main__":
    main()
