"""table_result: the record of a pipeline that recognises tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.records import begun


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result: what was found on the page, and each table."""
    return {"result": {**begun(inputs, params), "overall_ocr_res": inputs["ocr"], "table_res_list": inputs["tables"]}}
