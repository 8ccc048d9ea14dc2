"""PaddleX with a plan's engines, or alone with its own: ``hosted_worker.py ours|alone PLAN MODELS``.

PLAN has PaddleX as its host. Alone, PaddleX runs the same configuration with its ONNX Runtime engine, in as many
threads. The text of a picture is PaddleX's record.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hpi_paddlex.pipeline import HostedPipeline
from hpi_runtime import read_plan
from protocol import Lines, serve

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from hosted import reference


def main() -> None:
    """Load and serve."""
    kind, path, models = sys.argv[1:4]
    plan = read_plan(path, models=[Path(folder) for folder in models.split(":")])
    run = HostedPipeline(plan).predict if kind == "ours" else reference.pipeline(plan, {}).predict

    def read(paths: list[str]) -> list[Lines]:
        return [[{"poly": [], "text": json.dumps(_record(result))} for result in run(path)] for path in paths]

    serve(read)


def _record(result: Any) -> Any:
    own = getattr(result, "own", result)
    return own.json["res"]


if __name__ == "__main__":
    main()
