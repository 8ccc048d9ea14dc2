"""crop_lines: each box of a page as an upright picture of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.geometry import min_area_box

# A crop this much higher than wide holds a vertical line, and is laid on its side.
_VERTICAL = 1.5


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Cut ``polys`` (n × 4 × 2) out of ``image``; boxes without area are dropped from both outputs."""
    crops: list[Image] = []
    kept: list[int] = []
    for index, poly in enumerate(inputs["polys"]):
        crop = _crop(inputs["image"], poly)
        if crop is not None:
            crops.append(crop)
            kept.append(index)
    return {"crops": crops, "polys": inputs["polys"][np.array(kept, int)]}


def _crop(image: Image, poly: np.ndarray[Any, Any]) -> Image | None:
    corners, _ = min_area_box(poly.astype(np.int32))
    width = int(max(_distance(corners[0], corners[1]), _distance(corners[2], corners[3])))
    height = int(max(_distance(corners[0], corners[3]), _distance(corners[1], corners[2])))
    if width == 0 or height == 0:
        return None
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, upright)
    crop = np.asarray(
        cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    )
    if height / width >= _VERTICAL:
        return np.asarray(cv2.rotate(crop, cv2.ROTATE_90_COUNTERCLOCKWISE))
    return crop


def _distance(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(first - second))
