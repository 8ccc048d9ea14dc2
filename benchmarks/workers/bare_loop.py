"""The least that a program for one picture does: ``bare_loop.py FILE PICTURE``. No checks, no pictures, no texts.

FILE is JSON: ``models``, files by name; ``options`` of their sessions; and ``runs``, each a model's name and the shapes
of its inputs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import cv2
import numpy as np
import onnxruntime


def main() -> None:
    """Decode, load, run."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    cv2.imread(sys.argv[2])
    sessions = {name: _session(file, told["options"]) for name, file in told["models"].items()}
    for name, shapes in told["runs"]:
        sessions[name].run(None, {key: np.ones(shape, np.float32) for key, shape in shapes.items()})


def _session(file: str, given: dict[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given["cpu_num_threads"]
    options.enable_mem_pattern = given["memory_pattern"]
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
