"""match_blocks: the lines of a page matched with its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.page import Page


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``page``, and the ``pieces`` of its lines that lie in several of its parts."""
    page = Page(inputs["image"], inputs["boxes"], inputs["ocr"], params["score_thresh"])
    return {"page": page, "pieces": page.shared_pieces()}
