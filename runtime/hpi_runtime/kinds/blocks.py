"""blocks: the parts of a page in reading order: ``block_label``, ``block_content``, ``block_bbox``.

Some have ``block_order`` too, their place among those that are numbered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind, in_place
from hpi_runtime.pictures.geometry import corners

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Blocks(Kind):
    """Their labels, texts and order."""

    measure = "blocks"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw them on the page, those of one label in one colour, with their place in reading order."""
        colours = {label: place for place, label in enumerate(dict.fromkeys(block["block_label"] for block in value))}
        for place, block in enumerate(value, 1):
            order = block.get("block_order", place)
            said = block["block_label"] if order is None else f"{order} {block['block_label']}"
            canvas.polygon(corners(block["block_bbox"]), colours[block["block_label"]], said)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that say the same at the same place in reading order."""
        return in_place(*(list(map(_said, blocks or [])) for blocks in (found, expected)))

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count the true blocks, each with its ``label`` and ``text``, and those that are found at their place."""
        pairs = [(block["block_label"], block["block_content"]) for block in found or []]
        same, _ = in_place(pairs, [(block["label"], block["text"]) for block in true])
        return Counter(blocks=len(true), blocks_found=same)


KIND = Blocks()


def _said(block: Mapping[str, Any]) -> tuple[str, str]:
    return block["block_label"], block["block_content"]
