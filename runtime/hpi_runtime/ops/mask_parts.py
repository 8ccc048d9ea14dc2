"""mask_parts: pages of which only one part is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hpi_runtime.documents import parts
from hpi_runtime.pictures import Image

_WHITE = 255


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``pages``, white but for one of ``boxes`` each, and which they are; those alone that share lines."""
    places = parts.sharing(parts.matched(inputs["boxes"], inputs["ocr"]["rec_boxes"]))
    pages = [_masked(inputs["image"], inputs["boxes"][place]["coordinate"]) for place in places]
    return {"pages": pages, "places": places}


def _masked(image: Image, box: Any) -> Image:
    left, top, right, bottom = (int(side) for side in box)
    page = np.full_like(image, _WHITE)
    page[top:bottom, left:right] = image[top:bottom, left:right]
    return page
