"""doc_result: the record of document preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result; ``angle`` is -1 where nobody asked for it."""
    return {"result": {"model_settings": dict(params), "angle": inputs.get("angle", -1)}}
