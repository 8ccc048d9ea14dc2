"""fill_cells: tables with the texts of their page in the cells that were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``table_res_list``: each table with its cells, its texts and its HTML."""
    found = inputs["tables"]
    angles = sorted({table.angle for table in found} - {0})
    ocr = {0: inputs["ocr"], **dict(zip(angles, inputs.get("turned_ocr", ()), strict=True))}
    read = iter(inputs.get("texts", ()))
    for table in found:
        for place in table.pieces:
            table.texts["rec_texts"][place] = next(read)
    return {"tables": [table.filled(ocr[table.angle]) for table in found]}
