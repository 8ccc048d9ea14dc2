"""seal_result: the record of a pipeline that reads stamps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result: what was found on the page, and what each stamp says."""
    result: dict[str, Any] = {"model_settings": dict(params)}
    if "page" in inputs:
        result["doc_preprocessor_res"] = inputs["page"]
    if "layout" in inputs:
        result["layout_det_res"] = {"boxes": inputs["layout"]}
    return {"result": {**result, "seal_res_list": inputs["seals"]}}
