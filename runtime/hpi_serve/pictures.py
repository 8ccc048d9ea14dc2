"""Pictures in answers: JPEG in base64."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import PIL.Image
from hpi_runtime.pictures import Image


def drawn(picture: PIL.Image.Image) -> str:
    """Return a drawing as it is, with Pillow's usual quality, as PaddleX does for pictures."""
    stream = BytesIO()
    picture.convert("RGB").save(stream, "JPEG")
    return _text(stream.getvalue())


def of_page(picture: PIL.Image.Image | Image, largest: tuple[int, int] | None, suffix: str = ".jpg") -> str:
    """Return a picture of a page, made smaller where it is larger than allowed (None: never).

    Args:
        picture: a drawing, or BGR.
        largest: height and width, by PaddleX's rule, which exchanges the two for the side that decides.
        suffix: of the format.
    """
    image: Any = picture
    if isinstance(picture, PIL.Image.Image):
        image = np.asarray(picture.convert("RGB"))[..., ::-1]
    height, width = image.shape[:2]
    if largest is not None and (width > largest[1] or height > largest[0]):
        factor = largest[0] / width if width / height > largest[0] / largest[1] else largest[1] / height
        image = cv2.resize(image, (max(1, int(factor * width)), max(1, int(factor * height))))
    return _text(cv2.imencode(suffix, image)[1].tobytes())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
