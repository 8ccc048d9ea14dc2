"""Decoding pictures as PaddleX reads them: 8-bit BGR, upright by EXIF, alpha dropped, 16 bits scaled down.

Cut-off files are refused, where PaddleX reads their grey rest. TIFFs give a page each, also those
of 16 bits, which PaddleX saturates to white.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.transforms import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def is_tiff(data: bytes) -> bool:
    """Tell a TIFF by its first bytes."""
    return data.startswith(_TIFF)


def decode(data: bytes, name: str) -> Image:
    """Return the picture in a file's bytes, height × width × 3, BGR.

    Raises:
        InputError: it is no picture, or not a whole one.
    """
    if _is_cut(data):
        raise InputError("IMAGE_TRUNCATED", f"{name} is cut off")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as fault:
        raise InputError("IMAGE_UNREADABLE", f"{name} cannot be decoded: {fault.err}") from None
    if image is None:
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a picture that can be decoded")
    return np.asarray(image, np.uint8)


def decode_pages(data: bytes, name: str) -> Iterator[Image]:
    """Yield the pages of a TIFF.

    Raises:
        InputError: it is not a whole TIFF.
    """
    try:
        done, images = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise InputError("IMAGE_UNREADABLE", f"{name} cannot be decoded: {fault.err}") from None
    if not done or not images:
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a TIFF that can be decoded")
    for image in images:
        yield np.asarray(image, np.uint8)


def _is_cut(data: bytes) -> bool:
    if data.startswith(_PNG):
        return b"IEND" not in data[-64:]
    if data.startswith(_JPEG):
        # Inside a scan 0xFF is always escaped, so the last end mark stands behind the last scan.
        return data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    return False
