"""Turning pictures by right angles, pixel for pixel, as a classifier's label says."""

from __future__ import annotations

import cv2
import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.pictures import Image

_TURNS = {0: None, 90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def by_label(label: object) -> int:
    """Return the angle that a label says, in degrees.

    Raises:
        InputError: it says none, or no right angle.
    """
    text = str(label)
    angle = int(text) if text.isdecimal() else -1
    if angle not in _TURNS:
        message = f"the orientation model's label is `{text}`, and pages are turned by 0, 90, 180 or 270"
        mend = "the label_list of its inference.yml must say these, in the order of the model's classes"
        raise InputError("OUTPUT_INVALID", f"{message}; {mend}")
    return angle


def turn(image: Image, angle: int) -> Image:
    """Return a picture turned counter-clockwise; the same one for 0."""
    code = _TURNS[angle]
    return image if code is None else np.asarray(cv2.rotate(image, code))
