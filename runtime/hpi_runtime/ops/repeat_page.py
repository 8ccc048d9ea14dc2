"""repeat_page: a page for each box on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``images``, the same one for each box, and the corners of ``boxes``."""
    corners = [box["coordinate"] for box in inputs["boxes"]]
    return {"images": [inputs["image"]] * len(corners), "boxes": corners}
