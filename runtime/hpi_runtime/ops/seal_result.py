"""seal_result: the record of a pipeline that reads stamps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.records import begun


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result: what was found on the page, and what each stamp says."""
    return {"result": {**begun(inputs, params), "seal_res_list": inputs["seals"]}}
