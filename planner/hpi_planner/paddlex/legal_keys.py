"""The keys that mean the same in every file of PaddleX's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_schemas.value_types import described, is_of

# The fields of PaddleX's HPIConfig with their types, and our `on_failure`.
HPI_KEYS: Mapping[str, str] = {
    "auto_config": "boolean",
    "auto_paddle2onnx": "boolean",
    "backend": "string|null",
    "backend_config": "mapping|null",
    "device_id": "integer|null",
    "device_type": "string",
    "hpi_info": "mapping|null",
    "model_name": "string",
    "on_failure": "list|null",
}
# What a level hands down to those below it.
INHERITED = ("use_hpip", "hpi_config", "engine", "engine_config")
# hpi-plan's own, at the top of a pipeline; PaddleX passes it over.
SHARE = "share_sessions"


def hpi_problem(key: str, value: Any) -> str | None:
    """Return what is wrong with the value of a key of ``hpi_config``, or None."""
    if is_of(value, HPI_KEYS[key]):
        return None
    return f"`{key}` must be of type {described(HPI_KEYS[key])}, not {value!r}"
