"""What Python programs hand over instead of paths: bytes, files, pictures of Pillow, arrays, and tables of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hpi_schemas.files import is_folder

from hpi_runtime import object_store
from hpi_runtime.errors import InputError
from hpi_runtime.inputs import named
from hpi_runtime.inputs.media import PICTURES, Medium
from hpi_runtime.inputs.remote import is_remote
from hpi_runtime.pictures import Image
from hpi_runtime.series.table import is_table

_TAKEN = (
    "a path, a URL, bytes, a file open for reading bytes, a picture of Pillow, an array (height × width, or × 1, 3 or "
    "4 in BGR order), a table of pandas, or a list or other iterable of these"
)
_BYTES = (bytes, bytearray, memoryview)


def each(inputs: Any, medium: Medium = PICTURES) -> Iterator[Any]:
    """Return an iterator over single inputs: paths and URLs as text, bytes, files, pictures, arrays and tables.

    Args:
        inputs: one of these, a folder, or an iterable of any.
        medium: what the files of folders must be.

    Raises:
        TypeError: it is none; of an iterable that is no sequence, when its turn comes.
    """
    if is_single(inputs):
        return iter(_files([inputs], medium))
    if isinstance(inputs, (dict, set, frozenset)) or not isinstance(inputs, Iterable):
        raise TypeError(f"an input must be {_TAKEN}; not {_named(inputs)}")
    if isinstance(inputs, Sequence):
        for place, item in enumerate(inputs):
            _check(item, place)
        return iter(_files(inputs, medium))
    return _files(_checked(inputs), medium)


def is_single(item: Any) -> bool:
    """Tell whether something is one input and no collection of them."""
    return isinstance(item, (str, PathLike, *_BYTES)) or hasattr(item, "read") or is_table(item) or is_picture(item)


def is_picture(item: Any) -> bool:
    """Tell a picture of Pillow, or an array."""
    return hasattr(item, "getexif") or (hasattr(item, "dtype") and hasattr(item, "shape"))


def paths(inputs: Any, medium: Medium = PICTURES) -> Iterator[str]:
    """Yield the paths of the files that inputs are read from, as far as they are known before they are read.

    Args:
        inputs: as for ``each``; of an iterable that is no sequence, nothing is known.
        medium: as for ``each``.
    """
    items = [inputs] if is_single(inputs) else inputs
    if not isinstance(items, Sequence):
        return
    for item in _files(items, medium):
        path = item if isinstance(item, str) else getattr(item, "filename", None) or getattr(item, "name", None)
        if isinstance(path, str):
            yield path


def as_image(item: Any) -> Image:
    """Return a picture of Pillow or an array as BGR, height × width × 3, uint8.

    Arrays may be grey (height × width, or × 1), BGR or BGRA, whose alpha is dropped; of floats from 0 to 255, which
    are rounded; of 16 bits, which are scaled down as those of files are; or of truth values.

    Raises:
        InputError: its shape or its values are not those of a picture.
    """
    array = _from_pillow(item) if hasattr(item, "getexif") else np.asarray(item)
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise _unsupported(f"must be height × width, or × 1, 3 or 4 in BGR order, not of the shape {array.shape}")
    pixels = np.ascontiguousarray(_bytes(array))
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    return pixels if pixels.shape[2] == 3 else np.ascontiguousarray(pixels[:, :, :3])


def _files(items: Iterable[Any], medium: Medium) -> Iterator[Any]:
    for item in items:
        if not isinstance(item, (str, PathLike)):
            yield item
            continue
        path = fspath(item)
        path = path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")
        # An empty text is no name, though to `Path` it is the current folder.
        if path.endswith("/") and object_store.is_object(path):
            # One that cannot be listed stays what it is as well.
            yield from _below(path, medium) or [path]
        elif path and not is_remote(path) and is_folder(path):
            # An empty one stays what it is, and becomes an error of its own.
            yield from named.folder(Path(path), medium)[0] or [path]
        else:
            yield path


def _below(name: str, medium: Medium) -> list[str]:
    try:
        return named.objects_below(name, medium)[0]
    except object_store.StoreError:
        return []


def _checked(items: Iterable[Any]) -> Iterator[Any]:
    for place, item in enumerate(items):
        _check(item, place)
        yield item


def _check(item: Any, place: int) -> None:
    if not is_single(item):
        raise TypeError(f"the input {place} must be {_TAKEN.partition(', or a list')[0]}; not {_named(item)}")


def _named(item: Any) -> str:
    return f"{type(item).__module__}.{type(item).__qualname__}".removeprefix("builtins.")


def _from_pillow(picture: Any) -> np.ndarray[Any, Any]:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("F", "I", "I;16", "1", "L"):
        array = np.asarray(upright)
        return np.asarray(np.clip(array, 0, 0xFFFF), np.uint16) if upright.mode == "I" else array
    if upright.mode == "LA":
        return np.asarray(upright)[:, :, 0]
    # Alpha is dropped, as that of files is, and not laid over a colour.
    colours: np.ndarray[Any, Any] = np.asarray(upright if upright.mode in ("RGB", "RGBA") else upright.convert("RGB"))
    return colours[:, :, 2::-1]


def _bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return np.asarray(array * 255, np.uint8)
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise _unsupported(f"must hold numbers from 0 to 255, not {array.dtype}")
    least, greatest = float(array.min()), float(array.max())
    if not (least >= 0 and greatest <= 255):
        raise _unsupported(f"must hold numbers from 0 to 255, and these go from {least:g} to {greatest:g}")
    if np.issubdtype(array.dtype, np.floating) and 0 < greatest <= 1:
        raise _unsupported(
            f"must hold numbers from 0 to 255, and the greatest of these is {greatest:g}: multiply by 255"
        )
    return np.asarray(np.rint(array), np.uint8)


def _unsupported(message: str) -> InputError:
    return InputError("INPUT_UNSUPPORTED", f"an array {message}")
