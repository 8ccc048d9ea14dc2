"""ocr_result: the record of an OCR pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_CURVED = "seal"


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of PaddleX's result; lines that score less than ``score_thresh`` are left out of ``rec_*``."""
    polys = inputs["polys"]
    kept = [index for index, score in enumerate(inputs["scores"]) if score >= params["score_thresh"]]
    angles = inputs.get("angles")
    is_curved = params["text_type"] == _CURVED
    result: dict[str, Any] = {
        "model_settings": {name: params[name] for name in ("use_doc_preprocessor", "use_textline_orientation")}
    }
    if "page" in inputs:
        result["doc_preprocessor_res"] = inputs["page"]
    result |= {
        "dt_polys": polys,
        "text_det_params": params["text_det_params"],
        "text_type": params["text_type"],
        "textline_orientation_angles": [-1] * len(polys) if angles is None else [best[0] for best in angles],
        "text_rec_score_thresh": params["score_thresh"],
        "return_word_box": "words" in inputs,
        "rec_texts": [inputs["texts"][index] for index in kept],
        "rec_scores": [inputs["scores"][index] for index in kept],
        "rec_polys": [polys[index] for index in kept] if is_curved else polys[np.array(kept, int)],
        "rec_boxes": [] if is_curved else [_around(polys[index]) for index in kept],
    }
    if "words" in inputs:
        result["text_word_boxes"] = [inputs["words"][index][1] for index in kept]
        result["text_word"] = [inputs["words"][index][0] for index in kept]
    return {"result": result}


def _around(poly: np.ndarray[Any, Any]) -> list[int]:
    (left, top), (right, bottom) = poly.min(axis=0), poly.max(axis=0)
    return [int(left), int(top), int(right), int(bottom)]
