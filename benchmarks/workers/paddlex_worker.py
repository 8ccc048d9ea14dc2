"""PaddleX: ``paddlex_worker.py onnxruntime|paddle THREADS CONFIG``.

CONFIG is a pipeline YAML with the ``model_dir`` of each module.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from protocol import Lines, lines, serve

# It would look for its model hubs.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main() -> None:
    """Load and serve."""
    engine, threads, config = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    from paddlex import create_pipeline

    given: dict[str, Any] = (
        {"engine": "onnxruntime", "engine_config": {"intra_op_num_threads": threads}}
        if engine == "onnxruntime"
        else {"engine": "paddle_static", "engine_config": {"run_mode": "mkldnn", "cpu_threads": threads}}
    )
    pipeline = create_pipeline(pipeline=config, device="cpu", **given)

    def read(paths: list[str]) -> list[Lines]:
        return [lines(result["rec_texts"], result["rec_polys"]) for result in pipeline.predict(paths)]

    serve(read)


if __name__ == "__main__":
    main()
