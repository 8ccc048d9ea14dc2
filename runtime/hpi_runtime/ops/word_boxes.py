"""word_boxes: the words of lines, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.words import words


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``words``: of each line its words, and their boxes."""
    lines = zip(inputs["columns"], inputs["polys"], strict=True)
    return {"words": [words(columns, poly) for columns, poly in lines]}
