"""Decoding pictures as PaddleX reads them: 8-bit BGR, upright by EXIF, alpha dropped, 16 bits scaled down.

Cut-off files are refused, where PaddleX reads their grey rest. TIFFs give a page each, also those
of 16 bits, which PaddleX saturates to white.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.pictures import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
# Guards the limit of Pillow, which is one for the whole process.
_PILLOW = threading.Lock()
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
    (size,) = _sizes(data, name, 1)
    assert size is not None
    check_size(size, name, limits)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise InputError("IMAGE_UNREADABLE", f"{name} cannot be decoded: {fault.err}") from None
    if image is None:
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a picture that can be decoded")
    return np.asarray(image, np.uint8)


def decode_pages(data: bytes, name: str, limits: Limits = DEFAULT) -> tuple[int, Iterator[Image | InputError]]:
    """Return how many pages a TIFF has, as far as they can be found, and each, or why there is none.

    Raises:
        InputError: it is no TIFF, or has too many pages.
    """
    sizes = _sizes(data, name, limits.pages + 1)
    if len(sizes) > limits.pages:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than the {limits.pages:,} pages allowed")
    return len(sizes), _decoded(np.frombuffer(data, np.uint8), sizes, name, limits)


def check_cost(data: bytes, name: str, limits: Limits) -> None:
    """Refuse a picture, or a TIFF with a page, that has too many pixels, and one with too many pages; decode nothing.

    Raises:
        InputError: it is no picture, or costs more than the limits allow.
    """
    sizes = _sizes(data, name, limits.pages + 1)
    if len(sizes) > limits.pages:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than the {limits.pages:,} pages allowed")
    for size in filter(None, sizes):
        check_size(size, name, limits)


def check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    """Refuse a picture with too many pixels; ``size`` is its width and height.

    Raises:
        InputError: it has more than the limits allow.
    """
    width, height = size
    if width * height > limits.pixels:
        message = f"{name} has {width} × {height} pixels, more than the {limits.pixels:,} allowed"
        raise InputError("INPUT_TOO_LARGE", message)


def _decoded(
    array: np.ndarray[Any, Any], sizes: Sequence[tuple[int, int] | None], name: str, limits: Limits
) -> Iterator[Image | InputError]:
    for page, found in enumerate(sizes):
        if found is None:
            # Each page says where the next one is: behind a broken one nobody knows of any.
            yield InputError("IMAGE_UNREADABLE", f"page {page} of {name} cannot be found: the file is damaged there")
            return
        try:
            yield _page(array, page, found, name, limits)
        except InputError as fault:
            yield fault


def _page(array: np.ndarray[Any, Any], page: int, size: tuple[int, int], name: str, limits: Limits) -> Image:
    called = f"page {page} of {name}"
    check_size(size, called, limits)
    try:
        done, images = cv2.imdecodemulti(array, cv2.IMREAD_COLOR, range=(page, page + 1))
    except cv2.error as fault:
        raise InputError("IMAGE_UNREADABLE", f"{called} cannot be decoded: {fault.err}") from None
    if not done or not images:
        raise InputError("IMAGE_UNREADABLE", f"{called} cannot be decoded")
    return np.asarray(images[0], np.uint8)


def _sizes(data: bytes, name: str, most: int) -> list[tuple[int, int] | None]:
    """Return width and height of the first pages as the headers have them; nothing is decoded.

    A page whose header makes no sense is None, and the last.

    Raises:
        InputError: there is no page at all.
    """
    import PIL.Image

    found: list[tuple[int, int] | None] = []
    try:
        with _unlimited(), PIL.Image.open(io.BytesIO(data)) as header:
            for page in range(most):
                header.seek(page)
                found.append(header.size)
    except EOFError:
        pass
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, OverflowError):
        # Pillow's readers raise all of these on headers that make no sense.
        found.append(None)
    if not found or found[0] is None:
        raise InputError("IMAGE_UNREADABLE", f"{name} is not a picture that can be decoded")
    return found


@contextmanager
def _unlimited() -> Iterator[None]:
    """Let Pillow read the header of a picture of any size: our own limit counts, and Pillow decodes nothing here."""
    import PIL.Image

    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = usual


def _is_cut(data: bytes) -> bool:
    if data.startswith(_PNG):
        return b"IEND" not in data[-64:]
    if data.startswith(_JPEG):
        # Inside a scan 0xFF is always escaped, so the last end mark stands behind the last scan.
        return data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    return False
