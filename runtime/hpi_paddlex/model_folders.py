"""What PaddleX would execute of a model's folder, looked at before it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpi_runtime.errors import PlanError
from hpi_runtime.pickles import reading
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.model_config import ModelConfigError, read_config
from hpi_schemas.model_store import CONFIG_FILE, SCALER_FILE

# PaddleX 3.7.2 evaluates its texts (``text_detection/processors.py``: ``eval(scale)``).
_EVALUATED = "scale"


def check(folder: Path) -> None:
    """Look whether a model's folder holds nothing that PaddleX would run as a program.

    Raises:
        PlanError: it does, or cannot be read.
    """
    _check_scaler(folder / SCALER_FILE)
    path = folder / CONFIG_FILE
    try:
        config = read_config(path)
    except (ModelConfigError, OSError) as fault:
        raise PlanError(f"{path} {fault}") from fault
    for text in _evaluated(config):
        if not _is_quotient(text):
            raise PlanError(f"{path}: PaddleX evaluates `{_EVALUATED}`, and {text!r} is no quotient such as 1./255.")


def _check_scaler(path: Path) -> None:
    """Look whether the scaler of a model, if it has one, is a scaler and nothing else."""
    if not path.exists():
        return
    try:
        reading.read(read_bounded(path), has_scaler=True)
    except (ReadError, ValueError) as fault:
        raise PlanError(f"{path} is not loaded: {fault}") from fault


def _evaluated(value: Any) -> Iterator[str]:
    """Yield the texts that PaddleX evaluates."""
    if isinstance(value, dict):
        if isinstance(value.get(_EVALUATED), str):
            yield value[_EVALUATED]
        for item in value.values():
            yield from _evaluated(item)
    elif isinstance(value, list):
        for item in value:
            yield from _evaluated(item)


def _is_quotient(text: str) -> bool:
    """Tell whether a text is a number, or one divided by another."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    parts = [node.left, node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) else [node]
    return all(isinstance(part, ast.Constant) and type(part.value) in (int, float) for part in parts)
