"""fill_structures: tables with the texts of the page in the cells that their structure has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents import tables


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``table_res_list``: each table with its cells, its texts and its HTML."""
    found = zip(inputs["boxes"], inputs["cells"], inputs["structures"], strict=True)
    size = inputs["image"].shape[1], inputs["image"].shape[0]
    return {
        "tables": [
            tables.by_overlap(box["coordinate"], cells, marks, inputs["ocr"], size) for box, cells, marks in found
        ]
    }
