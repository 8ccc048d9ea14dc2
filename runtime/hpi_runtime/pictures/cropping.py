"""Cutting what is written out of a page, upright."""

from __future__ import annotations

import cv2
import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.geometry import Points, min_area_box

# A crop this much higher than wide holds a vertical line, and is laid on its side.
_VERTICAL = 1.5


def upright(image: Image, points: Points) -> Image | None:
    """Return the smallest rectangle around points as a picture of its own, None if it has no area.

    Args:
        image: height × width × 3, uint8.
        points: n × 2, int32.
    """
    corners, _ = min_area_box(points)
    width = int(max(_distance(corners[0], corners[1]), _distance(corners[2], corners[3])))
    height = int(max(_distance(corners[0], corners[3]), _distance(corners[1], corners[2])))
    if width == 0 or height == 0:
        return None
    straight = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, straight)
    crop = np.asarray(
        cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    )
    if height / width >= _VERTICAL:
        return np.asarray(cv2.rotate(crop, cv2.ROTATE_90_COUNTERCLOCKWISE))
    return crop


def _distance(first: Points, second: Points) -> float:
    return float(np.linalg.norm(first - second))
