"""Preparing a model in a process of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Prints the folder of what was made.
CODE = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    "from support import preparing\n"
    "preparing.main(*sys.argv[1:3])\n"
)


def arguments(step: Mapping[str, Any], files: Mapping[str, str], folder: Path, form: str = "onnx") -> list[str]:
    """Return the arguments of ``CODE``: a step as a plan has it, and what it starts from."""
    return [json.dumps([step, files, form]), str(folder)]


def main(given: str, folder: str) -> None:
    """Prepare, and tell on stderr what is done."""
    logging.basicConfig(level=logging.INFO)
    from hpi_runtime.prepare import engine_files
    from hpi_schemas.device import CPU

    from support import records

    step, files, form = json.loads(given)
    print(engine_files(records.model(files, form), records.engine(step, form=form), Path(folder), CPU).folder)
