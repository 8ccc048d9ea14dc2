"""A table between finding its cells and reading what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpi_runtime.documents import rows, tables

Box = Sequence[float]


@dataclass
class FoundTable:
    """A table of a page.

    Attributes:
        box: on its page, which may have been turned.
        angle: by which the page was turned for it, counter-clockwise in degrees.
        size: width and height of its page.
        marks: its structure, as marks of HTML.
        cells: in pixels of the table: two corners each, or four where the structure's model said them.
        is_end_to_end: one model said structure and corners: each line stands in the cell that it overlaps most.
        texts: the lines that are in it, on its page.
        pieces: which of the lines are read again, as parts of lines that span several cells.
    """

    box: Box
    angle: int
    size: tuple[int, int]
    marks: Sequence[str]
    cells: Sequence[Sequence[float]]
    is_end_to_end: bool
    texts: dict[str, Any]
    pieces: Sequence[int] = ()

    def filled(self, ocr: Any) -> dict[str, Any]:
        """Return it as PaddleX's ``table_res_list`` has it, its cells on the page as it was before it was turned.

        Args:
            ocr: the record of all texts of its page.
        """
        if self.is_end_to_end:
            found = tables.by_overlap(self.box, self.cells, self.marks, ocr, self.size)
        else:
            found = rows.filled(self.box, self.cells, self.marks, self.texts, self.size)
        return {**found, "cell_box_list": [self._back(cell) for cell in found["cell_box_list"]]}

    def _back(self, cell: Box) -> list[float]:
        (left, top, right, bottom), (width, height) = cell, self.size
        if self.angle == 90:
            return [height - bottom, left, height - top, right]
        if self.angle == 180:
            return [width - right, height - bottom, width - left, height - top]
        if self.angle == 270:
            return [top, width - right, bottom, width - left]
        return list(cell)


def turned(box: Box, angle: int, width: float, height: float) -> list[float]:
    """Return where a box is after its page was turned counter-clockwise.

    Args:
        box: left, top, right, bottom.
        angle: in degrees: 0, 90, 180 or 270.
        width, height: of the page before.
    """
    left, top, right, bottom = box
    if angle == 90:
        return [top, width - right, bottom, width - left]
    if angle == 180:
        return [width - right, height - bottom, width - left, height - top]
    if angle == 270:
        return [height - bottom, left, height - top, right]
    return list(box)
