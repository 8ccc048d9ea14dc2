"""formula_result: the record of a pipeline that reads formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.records import begun


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result: what was found on the page, and what each formula says."""
    places = [{"dt_polys": box["coordinate"]} for box in inputs["boxes"]] if "boxes" in inputs else [{}]
    formulas = [
        {"rec_formula": said, "formula_region_id": number, **place}
        for number, (said, place) in enumerate(zip(inputs["formulas"], places, strict=True), 1)
    ]
    return {"result": {**begun(inputs, params), "formula_res_list": formulas}}
