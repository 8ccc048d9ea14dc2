"""fill_blocks: what was read again of lines that lie in several parts of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Put ``texts`` and ``scores`` into the ``page``, and return ``pieces`` of its parts without any text."""
    page = inputs["page"]
    page.put_shared(inputs["texts"], inputs["scores"])
    return {"page": page, "pieces": page.unread_pieces()}
