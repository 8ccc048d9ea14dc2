"""attribute_result: the record of a pipeline that describes things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``boxes``: what was found where, and what it is like."""
    boxes = [
        {"labels": labels, "cls_scores": scores, "det_score": box["score"], "coordinate": box["coordinate"]}
        for box, labels, scores in zip(inputs["boxes"], inputs["labels"], inputs["scores"], strict=True)
    ]
    return {"result": {"boxes": boxes}}
