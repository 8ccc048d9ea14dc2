"""people_result: the record of people and their joints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``boxes``: where each person is, and its joints."""
    people = [
        {"coordinate": box["coordinate"], "det_score": box["score"], **found[0]}
        for box, found in zip(inputs["boxes"], inputs["keypoints"], strict=True)
    ]
    return {"result": {"boxes": people}}
