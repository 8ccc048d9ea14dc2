"""rotate_page: a page turned upright.

Turns are exact, pixel for pixel; PaddleX interpolates about the middle of the pixel grid,
which moves the page by one pixel and leaves a black edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hpi_runtime.errors import InputError

_TURNS = {0: None, 90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``image`` back by the angle that the best of ``label_names`` says, counter-clockwise in degrees.

    Raises:
        InputError: the label is no such angle.
    """
    label = str(inputs["label_names"][0])
    angle = int(label) if label.isdecimal() else -1
    if angle not in _TURNS:
        message = f"the orientation model's label is `{label}`, and pages are turned by 0, 90, 180 or 270"
        mend = "the label_list of its inference.yml must say these, in the order of the model's classes"
        raise InputError("OUTPUT_INVALID", f"{message}; {mend}")
    image, turn = inputs["image"], _TURNS[angle]
    turned = image if turn is None else np.asarray(cv2.rotate(image, turn))
    return {"image": turned, "angle": angle}
