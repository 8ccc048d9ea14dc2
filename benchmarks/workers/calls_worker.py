"""Many calls of one pipeline: ``calls_worker.py YAML PICTURES CALLS [HOST]`` prints the memory after each, in MiB.

All pictures and one of them in turn.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

from hpi_runtime import create_pipeline
from hpi_runtime.bench.meter import memory_mib

# PaddleX would look for its model hubs.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main() -> None:
    """Load, call, and tell."""
    file, folder, calls, *host = sys.argv[1:]
    pictures = sorted(map(str, Path(folder).iterdir()))
    memory: list[float] = []
    with create_pipeline(file, device="cpu", host=host[0] if host else None) as pipeline:
        for number in range(int(calls)):
            results = list(pipeline.predict(pictures if number % 2 else pictures[number // 2 % len(pictures)]))
            assert not any(result.is_failed for result in results)
            del results
            gc.collect()
            memory.append(memory_mib("VmRSS"))
    print(json.dumps(memory))


if __name__ == "__main__":
    main()
