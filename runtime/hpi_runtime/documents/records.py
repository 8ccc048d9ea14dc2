"""What the records of pipelines that look at a page begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def begun(inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result that say how a page was read, and what was found on it.

    Args:
        inputs: of an op: its ``page`` and ``layout``, where it has them.
        settings: that the pipeline has.
    """
    result: dict[str, Any] = {"model_settings": dict(settings)}
    if "page" in inputs:
        result["doc_preprocessor_res"] = inputs["page"]
    if "layout" in inputs:
        result["layout_det_res"] = {"boxes": inputs["layout"]}
    return result
