"""order_blocks: the parts of a page in reading order, with their texts, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpi_runtime.documents import labels
from hpi_runtime.documents.blocks import Block
from hpi_runtime.documents.cutouts import path_of
from hpi_runtime.documents.markdown import Writer


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return PaddleX's ``parsing_res_list``, the Markdown, and the texts of the page as they are now."""
    page = inputs["page"]
    page.put_unread(inputs["texts"], inputs["scores"])
    blocks: list[Block] = page.blocks(inputs.get("regions", ()), _known(page.found, inputs))
    numbered = [block for block in blocks if block.label in labels.NUMBERED - {*params["markdown_ignore_labels"]}]
    orders = {id(block): order for order, block in enumerate(numbered, 1)}
    writer = Writer(page.image.shape[1], params["markdown_ignore_labels"], "tables" in inputs)
    written = writer if params["format_block_content"] else None
    text, (starts, ends) = writer.page(blocks)
    pictures = {path_of(block.label, block.box): block.box for block in blocks if block.label in labels.PICTURED}
    return {
        "blocks": [_plain(block, place, orders.get(id(block)), written) for place, block in enumerate(blocks)],
        "markdown": {"text": text, "images": {**pictures, **inputs["pictures"]}, "starts": starts, "ends": ends},
        "ocr": {**inputs["ocr"], **page.texts, "rec_boxes": page.texts["rec_boxes"].tolist()},
    }


def _known(boxes: Sequence[Any], inputs: Mapping[str, Any]) -> dict[int, str]:
    """Return what tables and stamps say, by the place of their box."""
    places = {id(box): place for place, box in enumerate(boxes)}
    tables = zip(inputs.get("table_boxes", ()), inputs.get("tables", ()), strict=True)
    seals = zip(inputs.get("seal_boxes", ()), inputs.get("seals", ()), strict=True)
    html = {places[id(box)]: table["pred_html"] for box, table in tables}
    return html | {places[id(box)]: "\n".join(seal["rec_texts"]) for box, seal in seals}


def _plain(block: Block, place: int, order: int | None, writer: Writer | None) -> dict[str, Any]:
    content = None if writer is None else writer.block(block)
    return {
        "block_label": block.label,
        "block_content": block.content if content is None else content,
        "block_bbox": [int(side) for side in block.box],
        "block_id": place,
        "block_order": order,
    }
