"""Lets the real PaddleX put pages together: one JSON page per line on stdin, what it makes of it on stdout.

A page is ``{"size", "boxes", "regions", "ocr", "tables", "ignored"}``: what models found. A piece of a picture reads as
its size. An answer is ``{"blocks", "markdown", "ocr"}``, or ``{"error"}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
from conformance.ask_paddlex import described, import_paddlex

_PACKAGE = "paddlex.inference.pipelines.layout_parsing"


def main() -> None:
    """Answer until there are no more pages."""
    with tempfile.TemporaryDirectory() as cache:
        import_paddlex(cache)
        for line in sys.stdin:
            try:
                answer: Any = _answer(json.loads(line))
            except Exception as fault:
                answer = {"error": described(fault)}
            sys.stdout.write(json.dumps(answer, default=_plain) + "\n")
            sys.stdout.flush()


def read(image: np.ndarray[Any, Any]) -> tuple[str, float]:
    """Return what stands in place of a recogniser says of a picture: how large it is, and nothing if it is small."""
    height, width = image.shape[:2]
    return ("" if width < 12 else f"{width} by {height}"), 0.9


def _answer(page: dict[str, Any]) -> dict[str, Any]:
    made: Any = import_module(f"{_PACKAGE}.pipeline_v2")._LayoutParsingPipelineV2
    pipeline = made.__new__(made)
    pipeline.general_ocr_pipeline = SimpleNamespace(text_rec_model=_reader, text_rec_score_thresh=0.0)
    width, height = page["size"]
    image = np.zeros((height, width, 3), np.uint8)
    ocr = dict(page["ocr"])
    ocr["rec_boxes"] = np.array(ocr["rec_boxes"], np.int16)
    for key in ("rec_polys", "dt_polys"):
        ocr[key] = [np.array(poly, np.int16) for poly in ocr[key]]
    ocr["rec_labels"] = ["text"] * len(ocr["rec_texts"])
    tables = [{"pred_html": html} for html in page["tables"]]
    blocks = pipeline.get_layout_parsing_res(
        image,
        region_det_res={"boxes": page["regions"]},
        layout_det_res={"boxes": page["boxes"]},
        overall_ocr_res=ocr,
        table_res_list=tables,
        seal_res_list=[],
        chart_res_list=[],
        formula_res_list=[],
        markdown_ignore_labels=page["ignored"],
    )
    return {"blocks": [_block(block) for block in blocks], "markdown": _markdown(page, blocks, image), "ocr": ocr}


def _reader(pictures: list[Any]) -> list[dict[str, Any]]:
    return [{"rec_text": text, "rec_score": score} for text, score in map(read, pictures)]


def _block(block: Any) -> dict[str, Any]:
    return {
        "block_label": block.label,
        "block_content": block.content,
        "block_bbox": [int(side) for side in block.bbox],
        "block_id": block.index,
        "block_order": block.order_index,
    }


def _markdown(page: dict[str, Any], blocks: list[Any], image: Any) -> dict[str, Any]:
    result: Any = import_module(f"{_PACKAGE}.result_v2").LayoutParsingResultV2
    made = result.__new__(result)
    settings = {"use_table_recognition": bool(page["tables"]), "markdown_ignore_labels": page["ignored"]}
    dict.update(
        made,
        {
            "doc_preprocessor_res": {"output_img": image},
            "model_settings": settings,
            "parsing_res_list": blocks,
            "imgs_in_doc": [],
            "page_index": None,
            "input_path": None,
        },
    )
    found = made._to_markdown()
    return {"text": found["markdown_texts"], "flags": list(found["page_continuation_flags"])}


def _plain(value: Any) -> Any:
    return value.tolist()


if __name__ == "__main__":
    main()
