"""rotate_page: a page turned upright.

Turns are exact, pixel for pixel; PaddleX interpolates about the middle of the pixel grid,
which moves the page by one pixel and leaves a black edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``image`` back by the angle that the best of ``label_names`` says, counter-clockwise in degrees."""
    angle = int(inputs["label_names"][0])
    image = inputs["image"]
    turned = image if angle == 0 else np.asarray(cv2.rotate(image, _TURNS[angle]))
    return {"image": turned, "angle": angle}
