"""Pages of a PDF as pictures, rendered as PaddleX does: at 144 dpi."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pypdfium2

from hpi_runtime.errors import InputError
from hpi_runtime.transforms import Image

# A PDF unit is 1/72 inch.
_SCALE = 2.0
# Pillow's limit against decompression bombs.
_MAX_PIXELS = 178_956_970
# PDFium is not thread-safe.
_LOCK = threading.Lock()


def pages(data: bytes, name: str) -> Iterator[Image]:
    """Yield the pages, height × width × 3, BGR; a page too large for 178 megapixels is rendered smaller.

    Raises:
        InputError: it is no PDF, or one with a password.
    """
    try:
        with _LOCK:
            document = pypdfium2.PdfDocument(data)
            count = len(document)
    except pypdfium2.PdfiumError as fault:
        raise InputError("PDF_UNREADABLE", f"{name} cannot be opened: {fault}") from None
    try:
        for index in range(count):
            with _LOCK:
                image = _render(document, index, name)
            yield image
    finally:
        with _LOCK:
            document.close()


def _render(document: pypdfium2.PdfDocument, index: int, name: str) -> Image:
    try:
        page = document[index]
        width, height = page.get_size()
        scale = min(_SCALE, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
        pixels = page.render(scale=scale).to_numpy()
        page.close()
    except pypdfium2.PdfiumError as fault:
        raise InputError("PDF_UNREADABLE", f"page {index} of {name} cannot be rendered: {fault}") from None
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    return np.ascontiguousarray(pixels[:, :, :3])
