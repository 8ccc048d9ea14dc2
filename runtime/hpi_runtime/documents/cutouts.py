"""Pictures that are cut out of a page: where they lie beside its Markdown."""

from __future__ import annotations

from collections.abc import Sequence

# The folder, and how the names in it begin, as in PaddleX.
FOLDER, CUT = "imgs", "img_in_"


def path_of(label: str, box: Sequence[float]) -> str:
    """Return where the picture of a block lies beside the Markdown, as PaddleX names it."""
    left, top, right, bottom = (int(side) for side in box)
    return f"{FOLDER}/{CUT}{label}_box_{left}_{top}_{right}_{bottom}.jpg"
