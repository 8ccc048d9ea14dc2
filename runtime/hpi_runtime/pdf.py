"""Pages of a PDF as pictures, rendered as PaddleX does: at 144 dpi."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pypdfium2

from hpi_runtime.errors import InputError
from hpi_runtime.limits import DEFAULT, Limits
from hpi_runtime.transforms import Image

# A PDF unit is 1/72 inch.
_SCALE = 2.0
# PDFium is not thread-safe.
_LOCK = threading.Lock()


def pages(data: bytes, name: str, limits: Limits = DEFAULT) -> Iterator[Image]:
    """Yield the pages, height × width × 3, BGR.

    Raises:
        InputError: it is no PDF, one with a password, one with too many pages, or a page with too many pixels.
    """
    try:
        with _LOCK:
            document = pypdfium2.PdfDocument(data)
            count = len(document)
    except pypdfium2.PdfiumError as fault:
        raise InputError("PDF_UNREADABLE", f"{name} cannot be opened: {fault}") from None
    try:
        if count > limits.pages:
            raise InputError("INPUT_TOO_LARGE", f"{name} has {count:,} pages, more than the {limits.pages:,} allowed")
        for index in range(count):
            with _LOCK:
                image = _render(document, index, name, limits.pixels)
            yield image
    finally:
        with _LOCK:
            document.close()


def _render(document: pypdfium2.PdfDocument, index: int, name: str, pixels_allowed: int) -> Image:
    try:
        page = document[index]
        width, height = page.get_size()
        if width * height * _SCALE**2 > pixels_allowed:
            size = f"{width * _SCALE:.0f} × {height * _SCALE:.0f} pixels, more than the {pixels_allowed:,} allowed"
            raise InputError("INPUT_TOO_LARGE", f"page {index} of {name} has {size}")
        pixels = page.render(scale=_SCALE).to_numpy()
        page.close()
    except pypdfium2.PdfiumError as fault:
        raise InputError("PDF_UNREADABLE", f"page {index} of {name} cannot be rendered: {fault}") from None
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    return np.ascontiguousarray(pixels[:, :, :3])
