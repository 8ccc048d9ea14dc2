"""found_result: the record of a pipeline that looks up what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``boxes``: what was found where, and what of the index it is most like."""
    boxes = [
        {
            "labels": labels or params["nobody"],
            "rec_scores": scores or params["nobody"],
            "det_score": box["score"],
            "coordinate": box["coordinate"],
        }
        for box, labels, scores in zip(inputs["boxes"], inputs["labels"], inputs["scores"], strict=True)
    ]
    return {"result": {"boxes": boxes}}
