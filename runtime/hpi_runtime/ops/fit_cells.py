"""fit_cells: the cells of tables, fitted to their structure, and lines of text cut where they span several cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpi_runtime.documents import cells, rows, tables
from hpi_runtime.documents.found_table import FoundTable
from hpi_runtime.pictures import Image

_KINDS = {True: "wired", False: "wireless"}


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``tables``, a ``FoundTable`` each, and ``pieces``, the pictures of parts of lines to read again."""
    models = {kind: _Models(inputs, params, kind) for kind in _KINDS.values()}
    angles = inputs.get("angles") or [0] * len(inputs["boxes"])
    # The page and the turned ones, each with its texts.
    pages = {0: (inputs["image"], inputs["ocr"])}
    turned = zip(sorted({*angles} - {0}), inputs.get("pages", ()), inputs.get("turned_ocr", ()), strict=True)
    pages |= {angle: (page, ocr) for angle, page, ocr in turned}
    found: list[FoundTable] = []
    pieces: list[Image] = []
    for box, crop, angle, is_wired in zip(inputs["boxes"], inputs["crops"], angles, inputs["is_wired"], strict=True):
        page, ocr = pages[angle]
        size = page.shape[1], page.shape[0]
        texts = tables.texts_in(ocr, box["coordinate"])
        model = models[_KINDS[is_wired]]
        own, marks = model.take(_within(ocr["rec_boxes"], box["coordinate"]))
        table = FoundTable(box["coordinate"], angle, size, marks, own, model.is_end_to_end, texts)
        if params["use_ocr_results_with_table_cells"] and not model.is_end_to_end:
            pieces += _cut(table, crop)
        found.append(table)
    return {"tables": found, "pieces": pieces}


class _Models:
    """What the models of one kind of tables found, table by table."""

    def __init__(self, inputs: Mapping[str, Any], params: Mapping[str, Any], kind: str) -> None:
        self.is_end_to_end: bool = params[f"use_e2e_{kind}_table_rec_model"]
        self._is_by_cells: bool = params[f"use_{kind}_table_cells_trans_to_html"]
        self._structures = iter(inputs.get(f"{kind}_structures", ()))
        self._corners = iter(inputs.get(f"{kind}_corners", ()))
        self._cells = iter(inputs.get(f"{kind}_cells", ()))

    def take(self, lines: Sequence[Sequence[float]]) -> tuple[Sequence[Sequence[float]], Sequence[str]]:
        """Return the cells and the structure of the next table, by the boxes of the lines that are wholly in it."""
        if self.is_end_to_end:
            corners, marks = next(self._corners), next(self._structures)
            return corners, rows.marks_of([[*cell[:2], *cell[4:6]] for cell in corners]) if self._is_by_cells else marks
        boxes = next(self._cells)
        own, scores = cells.distinct([box["coordinate"] for box in boxes], [box["score"] for box in boxes])
        if self._is_by_cells:
            return own.tolist(), rows.marks_of(own.tolist())
        return cells.fitted(own, scores, lines, len(next(self._corners))), next(self._structures)


def _within(boxes: Sequence[Sequence[float]], table: Sequence[float]) -> list[list[float]]:
    """Return the boxes that are wholly in a table, in its pixels."""
    left, top, right, bottom = table
    return [
        [box[0] - left, box[1] - top, box[2] - left, box[3] - top]
        for box in boxes
        if box[0] >= left and box[1] >= top and box[2] <= right and box[3] <= bottom
    ]


def _cut(table: FoundTable, crop: Image) -> Iterator[Image]:
    """Cut those lines of a table that span several cells, and yield the parts that can be read."""
    left, top = table.box[:2]
    boxes: list[Any] = []
    said: list[str] = []
    pieces: list[int] = []
    for box, text in zip(table.texts["rec_boxes"], table.texts["rec_texts"], strict=True):
        parts = cells.parts([box[0] - left, box[1] - top, box[2] - left, box[3] - top], table.cells)
        if len(parts) == 1:
            boxes.append(box)
            said.append(text)
            continue
        for part in parts:
            piece = _picture(crop, part)
            if piece is not None:
                pieces.append(len(said))
                yield piece
            boxes.append([part[0] + left, part[1] + top, part[2] + left, part[3] + top])
            said.append("")
    table.texts |= {"rec_boxes": boxes, "rec_texts": said}
    table.pieces = pieces


def _picture(crop: Image, box: Sequence[float]) -> Image | None:
    left, top, right, bottom = (max(0, int(side)) for side in box)
    piece = crop[top:bottom, left:right]
    # A single row or column of pixels is no text.
    return piece if min(piece.shape[:2]) > 1 else None
