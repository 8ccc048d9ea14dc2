"""Inputs as PaddleX takes them: files that are here, and arrays. What is elsewhere is fetched under our limits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hpi_runtime.errors import InputError
from hpi_runtime.inputs import images
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.media import DOCUMENT_FILES, PICTURE_FILES
from hpi_runtime.inputs.pdf import Documents, is_pdf
from hpi_runtime.inputs.remote import fetched, file_name, is_remote
from hpi_runtime.inputs.values import as_image

from hpi_paddlex import scenes

# A path, or an array.
Local = Any


@contextmanager
def local(item: Any, limits: Limits, documents: Documents, is_scene: bool = False) -> Iterator[Local]:
    """Give an input as PaddleX takes it.

    Args:
        item: a path or a URL as text, an array, a picture of Pillow, or something else that PaddleX takes.
        limits: what it may cost.
        documents: look at PDFs under the same limits; one serves many inputs.
        is_scene: PaddleX unpacks it, and loads the pickle in it.

    Raises:
        InputError: it is not there, or cannot be fetched.
    """
    if not isinstance(item, str):
        if isinstance(item, (bytes, bytearray, memoryview)) or hasattr(item, "read"):
            raise InputError(
                "INPUT_UNSUPPORTED", "a hosted pipeline takes paths, URLs, pictures and arrays, and no bytes"
            )
        image = as_image(item)
        images.check_size((image.shape[1], image.shape[0]), "the input", limits)
        yield image
    elif is_remote(item):
        with tempfile.TemporaryDirectory() as folder:
            path = _fetched(item, Path(folder), limits)
            _check(path, item, limits, documents, is_scene)
            yield str(path)
    else:
        path = _file(item, limits)
        _check(path, item, limits, documents, is_scene)
        # PaddleX takes what begins with `http` for a URL.
        yield str(path.absolute())


def _check(path: Path, name: str, limits: Limits, documents: Documents, is_scene: bool) -> None:
    if is_scene:
        scenes.check(path, name, limits)
    else:
        _check_cost(path, name, limits, documents)


def _check_cost(path: Path, name: str, limits: Limits, documents: Documents) -> None:
    """Refuse a picture or document that costs more than the limits allow; other kinds of files are PaddleX's alone."""
    is_picture = path.suffix.lower() in PICTURE_FILES
    if not is_picture and path.suffix.lower() not in DOCUMENT_FILES:
        return
    data = path.read_bytes()
    if is_pdf(data):
        documents.check(data, name)
    elif is_picture:
        images.check_cost(data, name, limits)


def _fetched(name: str, folder: Path, limits: Limits) -> Path:
    # PaddleX tells kinds of files by their endings.
    path = folder / (file_name(name).replace("\0", "_")[-100:] or "input")
    path.write_bytes(fetched(name, limits))
    return path


def _file(name: str, limits: Limits) -> Path:
    path = Path(name)
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise InputError("INPUT_UNREADABLE", f"{name} cannot be read: {reason}") from None
    if not is_file:
        raise InputError("INPUT_UNREADABLE", f"{name} is not a file")
    if size > limits.bytes:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than {limits.bytes:,} bytes")
    return path
