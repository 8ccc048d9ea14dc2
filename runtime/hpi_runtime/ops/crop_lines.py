"""crop_lines: each box of a page as an upright picture of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.cropping import upright


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Cut ``polys`` (n × 4 × 2) out of ``image``; boxes without area are dropped from both outputs."""
    crops: list[Image] = []
    kept: list[int] = []
    for index, poly in enumerate(inputs["polys"]):
        crop = upright(inputs["image"], poly.astype(np.int32))
        if crop is not None:
            crops.append(crop)
            kept.append(index)
    return {"crops": crops, "polys": inputs["polys"][np.array(kept, int)]}
