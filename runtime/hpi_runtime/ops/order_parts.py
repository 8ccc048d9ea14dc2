"""order_parts: the parts of a page in the order of its columns, with their texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents import parts


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``parsing_res_list``."""
    contents = {
        place: "\n".join(read["rec_texts"]) for place, read in zip(inputs["alone"], inputs["read"], strict=True)
    }
    places = {id(box): place for place, box in enumerate(inputs["boxes"])}
    for box, table in zip(inputs.get("table_boxes", ()), inputs.get("tables", ()), strict=True):
        contents[places[id(box)]] = table["pred_html"]
    for box, seal in zip(inputs.get("seal_boxes", ()), inputs.get("seals", ()), strict=True):
        contents[places[id(box)]] = ", ".join(seal["rec_texts"])
    found = list(parts.described(inputs["boxes"], inputs["ocr"], contents))
    return {"blocks": parts.ordered(found, inputs["image"].shape[1])}
