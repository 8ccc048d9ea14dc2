"""Decoding pictures as PaddleX reads them: 8-bit BGR, upright by EXIF, alpha dropped, 16 bits scaled down.

Cut-off files are refused, where PaddleX reads their grey rest. TIFFs give a page each, also those
of 16 bits, which PaddleX saturates to white.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.limits import DEFAULT, Limits
from hpi_runtime.transforms import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def is_tiff(data: bytes) -> bool:
    """Tell a TIFF by its first bytes."""
    return data.startswith(_TIFF)


def decode(data: bytes, name: str, limits: Limits = DEFAULT) -> Image:
    """Return the picture in a file's bytes, height × width × 3, BGR.

    Raises:
        InputError: it is no picture, not a whole one, or too large a one.
    """
    if _is_cut(data):
        raise InputError("IMAGE_TRUNCATED", f"{name} is cut off")
    _check_size(next(_sizes(data, name)), name, limits)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise InputError("IMAGE_UNREADABLE", f"{name} cannot be decoded: {fault.err}") from None
    if image is None:
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a picture that can be decoded")
    return np.asarray(image, np.uint8)


def decode_pages(data: bytes, name: str, limits: Limits = DEFAULT) -> Iterator[Image]:
    """Yield the pages of a TIFF.

    Raises:
        InputError: it is not a whole TIFF, has too many pages, or too large ones.
    """
    pages = 0
    for pages, size in enumerate(_sizes(data, name), 1):
        _check_size(size, name, limits)
        if pages > limits.pages:
            raise InputError("INPUT_TOO_LARGE", f"{name} has more than the {limits.pages:,} pages allowed")
    array = np.frombuffer(data, np.uint8)
    for page in range(pages):
        try:
            done, images = cv2.imdecodemulti(array, cv2.IMREAD_COLOR, range=(page, page + 1))
        except cv2.error as fault:
            raise InputError("IMAGE_UNREADABLE", f"{name} cannot be decoded: {fault.err}") from None
        if not done or not images:
            raise InputError("IMAGE_UNREADABLE", f"{name} is not a TIFF that can be decoded")
        yield np.asarray(images[0], np.uint8)


def _sizes(data: bytes, name: str) -> Iterator[tuple[int, int]]:
    """Yield width and height of each page as the headers have them; nothing is decoded.

    Raises:
        InputError: the headers are those of no picture.
    """
    import PIL.Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures, and refuses larger ones; our own limit counts.
            warnings.simplefilter("ignore")
            with PIL.Image.open(io.BytesIO(data)) as header:
                for page in count():
                    header.seek(page)
                    yield header.size
    except EOFError:
        return
    except PIL.Image.DecompressionBombError:
        raise InputError("INPUT_TOO_LARGE", f"{name} has far too many pixels") from None
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, OverflowError):
        # Pillow's readers raise all of these on headers that make no sense.
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a picture that can be decoded") from None


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.pixels:
        message = f"{name} has {width} × {height} pixels, more than the {limits.pixels:,} allowed"
        raise InputError("INPUT_TOO_LARGE", message)


def _is_cut(data: bytes) -> bool:
    if data.startswith(_PNG):
        return b"IEND" not in data[-64:]
    if data.startswith(_JPEG):
        # Inside a scan 0xFF is always escaped, so the last end mark stands behind the last scan.
        return data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    return False
