"""table_result: the record of a pipeline that recognises tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.pictures import tables

# A line belongs to a table if they share more than so many pixels, either way.
_SHARED = 3


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result: each table with its cells, its texts and its HTML."""
    ocr = inputs["ocr"]
    result: dict[str, Any] = {"model_settings": dict(params)}
    if "page" in inputs:
        result["doc_preprocessor_res"] = inputs["page"]
    if "layout" in inputs:
        result["layout_det_res"] = {"boxes": inputs["layout"]}
    result["overall_ocr_res"] = ocr
    found = zip(inputs["boxes"], inputs["cells"], inputs["structures"], strict=True)
    size = inputs["image"].shape[1], inputs["image"].shape[0]
    result["table_res_list"] = [_table(box["coordinate"], cells, marks, ocr, size) for box, cells, marks in found]
    return {"result": result}


def _table(
    box: Sequence[float],
    cells: Sequence[Sequence[int]],
    marks: Sequence[str],
    ocr: Mapping[str, Any],
    size: tuple[int, int],
) -> dict[str, Any]:
    own = _inside(ocr["rec_boxes"], box)
    texts = {key: [ocr[key][index] for index in own] for key in ("rec_polys", "rec_texts", "rec_scores", "rec_boxes")}
    places = tables.on_page(cells, box, size)
    # Where there is nothing to put into cells, PaddleX's marks stand apart.
    html = " ".join(marks) if not len(places) or not own else ""
    if not html:
        html = tables.filled(marks, texts["rec_texts"], tables.matched(places, texts["rec_boxes"]))
    return {"cell_box_list": places.tolist(), "pred_html": html, "table_ocr_pred": texts}


def _inside(boxes: Sequence[Sequence[int]], table: Sequence[float]) -> list[int]:
    """Return which boxes lie in a table, at least with a corner."""
    if not len(boxes):
        return []
    left, top, right, bottom = np.array(boxes, np.float64).T
    wide = np.minimum(table[2], right) - np.maximum(table[0], left)
    high = np.minimum(table[3], bottom) - np.maximum(table[1], top)
    return [int(index) for index in np.flatnonzero((wide > _SHARED) & (high > _SHARED))]
