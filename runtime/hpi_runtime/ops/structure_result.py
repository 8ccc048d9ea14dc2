"""structure_result: the record of a page whose parts are in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result, and the page as Markdown."""
    height, width = inputs["image"].shape[:2]
    result: dict[str, Any] = {
        "page_count": inputs["page_count"],
        "width": width,
        "height": height,
        "model_settings": dict(params),
        "parsing_res_list": inputs["blocks"],
    }
    if "page" in inputs:
        result["doc_preprocessor_res"] = inputs["page"]
    result |= {"layout_det_res": {"boxes": inputs["layout"]}, "overall_ocr_res": inputs["ocr"]}
    if inputs.get("tables"):
        result["table_res_list"] = inputs["tables"]
    if inputs.get("seals"):
        result["seal_res_list"] = inputs["seals"]
    return {"result": {**result, "markdown": inputs["markdown"]}}
