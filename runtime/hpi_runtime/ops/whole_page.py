"""whole_page: a page that is a single table, where nothing looks for tables on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page as the only crop, and its box, whose last pixels are those of the page."""
    height, width = inputs["image"].shape[:2]
    box = {"cls_id": 0, "label": "table", "score": 1.0, "coordinate": [0, 0, width - 1, height - 1]}
    return {"crops": [inputs["image"]], "boxes": [box]}
