"""Pictures of formulas, brought into the form that their readers take. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps

from hpi_runtime.pictures import Image

Grey = np.ndarray[Any, np.dtype[np.float32]]
# UniMERNet's: of pixels from 0 to 1.
_MEAN, _STD = 0.7931, 0.1738
# What is darker than this, where the darkest is 0 and the lightest 255, is ink.
_INK, _HALF = 200, 128
_WHITE = 255
_MULTIPLE = 32
# A picture that is made larger than this on the way is not, but brought to its last size at once.
_MOST_PIXELS = 1 << 26
_BILINEAR = PIL.Image.Resampling.BILINEAR


def framed(picture: Image, size: tuple[int, int]) -> Image:
    """Return the ink of a picture in the middle of one of a fixed size.

    Args:
        picture: height × width × 3, RGB.
        size: height and width.
    """
    height, width = size
    ink = _cropped(picture)
    short = min(height, width)
    long = int(short * max(ink.size) / min(ink.size))
    sides = (short, long) if ink.width <= ink.height else (long, short)
    if short * long <= _MOST_PIXELS:
        ink = ink.resize(sides, _BILINEAR)
        ink.thumbnail((width, height))
    else:
        part = min(width / sides[0], height / sides[1], 1)
        ink = ink.resize((max(1, int(sides[0] * part)), max(1, int(sides[1] * part))), _BILINEAR)
    left, top = (width - ink.width) // 2, (height - ink.height) // 2
    whole = PIL.ImageOps.expand(ink, (left, top, width - ink.width - left, height - ink.height - top))
    return np.asarray(whole)


def within(picture: Image, least: Sequence[int], most: Sequence[int]) -> Image:
    """Return a picture whose sides are within bounds: as it is, or its ink alone, made smaller or framed in white.

    Args:
        picture: height × width × 3, RGB.
        least: width and height.
        most: width and height.
    """
    height, width = picture.shape[:2]
    if least[0] <= width <= most[0] and least[1] <= height <= most[1]:
        return picture
    ink = _padded(picture)
    largest = max(side / bound for side, bound in zip(ink.size, most, strict=True))
    if largest > 1:
        ink = ink.resize((max(1, int(ink.width // largest)), max(1, int(ink.height // largest))), _BILINEAR)
    sides = max(ink.width, least[0]), max(ink.height, least[1])
    if sides != ink.size:
        whole = PIL.Image.new("L", sides, _WHITE)
        whole.paste(ink, (0, 0))
        ink = whole
    return np.dstack([np.asarray(ink)] * 3)


def grey(picture: Any, mean: float = _MEAN, std: float = _STD) -> Grey:
    """Return the grey of a picture, normalised; it is weighed as if it were BGR."""
    normal = (picture.astype(np.float32) * (1 / 255.0) - np.full((1, 1, 3), mean, np.float32)) / np.full(
        (1, 1, 3), std, np.float32
    )
    return np.asarray(cv2.cvtColor(normal, cv2.COLOR_BGR2GRAY), np.float32)


def stepped(pixels: Grey, step: int) -> Grey:
    """Return a picture whose sides are multiples of a step, filled up with 1."""
    height, width = pixels.shape
    return np.pad(pixels, ((0, -height % step), (0, -width % step)), constant_values=1)


def _cropped(picture: Image) -> PIL.Image.Image:
    found = PIL.Image.fromarray(picture)
    levels = np.asarray(found.convert("L"))
    least, most = int(levels.min()), int(levels.max())
    if least == most:
        return found
    ink = ((levels - least) / (most - least) * 255 < _INK).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(ink)
    return found.crop((left, top, left + width, top + height))


def _padded(picture: Image) -> PIL.Image.Image:
    """Return the ink alone, dark on white, in a picture whose sides are multiples of 32."""
    levels = np.asarray(PIL.Image.fromarray(picture).convert("L")).astype(np.float64)
    spread = levels.max() - levels.min()
    levels = (levels - levels.min()) / spread * 255 if spread else np.full_like(levels, _WHITE)
    if levels.mean() > _HALF:
        ink = levels < _HALF
    else:
        ink, levels = levels > _HALF, 255 - levels
    left, top, width, height = cv2.boundingRect(ink.astype(np.uint8)) if ink.any() else (0, 0, *levels.shape[::-1])
    own = PIL.Image.fromarray(levels[top : top + height, left : left + width].astype(np.uint8))
    whole = PIL.Image.new("L", (width + -width % _MULTIPLE, height + -height % _MULTIPLE), _WHITE)
    whole.paste(own, (0, 0))
    return whole
