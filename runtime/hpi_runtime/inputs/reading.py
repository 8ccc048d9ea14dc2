"""From inputs, one after the other, to what a graph reads; a bad input or page is an error of its own."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpi_schemas.files import LFS, LFS_POINTER

from hpi_runtime.errors import InputError
from hpi_runtime.inputs import images
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.inputs.media import PICTURES, SERIES, Medium
from hpi_runtime.inputs.pdf import Documents, is_pdf
from hpi_runtime.inputs.remote import fetched, is_remote
from hpi_runtime.series.table import is_table, parse


@dataclass
class Input:
    """One picture, table or clip, or the reason why there is none.

    Attributes:
        path: as it was named, None for what has no name.
        page: of a PDF or TIFF, from 0, None otherwise.
        values: what was read, by port of the graph's input: an ``image`` (height × width × 3, uint8, BGR), a ``series``
            (a table of pandas), or a ``clip`` and its first ``image``.
        error: why there is nothing.
        page_count: how many pages the PDF or TIFF has, None otherwise.
    """

    path: str | None
    page: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    error: InputError | None = None
    page_count: int | None = None


def read(items: Iterable[Any], limits: Limits = DEFAULT, medium: Medium = PICTURES) -> Iterator[Input]:
    """Decode inputs one after the other; a bad one yields its error and the others go on.

    Args:
        items: single ones, as ``values.each`` gives them.
        limits: what each may cost.
        medium: what they are.
    """
    with ExitStack() as stack:
        documents = stack.enter_context(Documents(limits))
        for item in items:
            yield from _one(item, limits, documents, medium)


def _one(item: Any, limits: Limits, documents: Documents, medium: Medium) -> Iterator[Input]:
    path = _name(item)
    name = path or "the input"
    try:
        if isinstance(item, str) or hasattr(item, "read") or isinstance(item, (bytes, bytearray, memoryview)):
            data = _data(item, name, limits, medium)
            if data.startswith(LFS_POINTER):
                raise InputError("INPUT_UNREADABLE", f"{name} {LFS}")
            if medium is PICTURES:
                yield from _pages(path, name, data, limits, documents)
            else:
                yield Input(path, values=_parsed(data, name, limits, medium))
        else:
            yield Input(path, values={medium.port: _given(item, name, limits, medium)})
    except InputError as fault:
        yield Input(path, error=fault)
    except OSError as fault:
        yield Input(path, error=InputError("INPUT_UNREADABLE", f"{name} cannot be read: {fault.strerror or fault}"))
    except ValueError as fault:
        yield Input(path, error=InputError("INPUT_UNREADABLE", f"{name!r} is no path: {fault}"))


def _name(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    name = getattr(item, "name", None) if hasattr(item, "read") else None
    return name if isinstance(name, str) else None


def _parsed(data: bytes, name: str, limits: Limits, medium: Medium) -> dict[str, Any]:
    """Return what the bytes of a file are that is no picture."""
    if medium is SERIES:
        return {medium.port: parse(data, name)}
    from hpi_runtime.inputs.clips import Clip

    clip = Clip(data, name, limits)
    return {medium.port: clip, PICTURES.port: clip.first}


def _given(item: Any, name: str, limits: Limits, medium: Medium) -> Any:
    """Return what a program hands over: a picture or a table."""
    if is_table(item) != (medium is SERIES) or medium not in (PICTURES, SERIES):
        raise InputError("INPUT_UNSUPPORTED", f"the plan takes {medium.named}, not a {type(item).__name__}")
    if is_table(item):
        return item
    from hpi_runtime.inputs.values import as_image

    image = as_image(item)
    images.check_size((image.shape[1], image.shape[0]), name, limits)
    return image


def _data(item: Any, name: str, limits: Limits, medium: Medium) -> bytes:
    if isinstance(item, str):
        if not item:
            raise InputError("INPUT_UNREADABLE", "an empty text names no file")
        return fetched(item, limits) if is_remote(item) else _file(Path(item), name, limits, medium)
    try:
        data = item.read(limits.bytes + 1) if hasattr(item, "read") else bytes(item)
    except UnicodeDecodeError:
        # A picture is no text in any encoding.
        raise _is_text(name) from None
    if not isinstance(data, bytes):
        raise _is_text(name)
    if len(data) > limits.bytes:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than {limits.bytes:,} bytes")
    return data


def _is_text(name: str) -> InputError:
    return InputError("INPUT_UNSUPPORTED", f"{name} gives text and no bytes; open it with mode 'rb'")


def _file(path: Path, name: str, limits: Limits, medium: Medium) -> bytes:
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise InputError("INPUT_UNREADABLE", f"{name} is a folder with no {medium.named}")
    if not stat.S_ISREG(found.st_mode):
        # A pipe or a device could keep the run waiting for ever.
        raise InputError("INPUT_UNREADABLE", f"{name} is not a file")
    if found.st_size > limits.bytes:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than {limits.bytes:,} bytes")
    return path.read_bytes()


def _pages(path: str | None, name: str, data: bytes, limits: Limits, documents: Documents) -> Iterator[Input]:
    if is_pdf(data):
        count, pages = documents.pages(data, name)
    elif images.is_tiff(data):
        count, pages = images.decode_pages(data, name, limits)
    else:
        yield Input(path, values={PICTURES.port: images.decode(data, name, limits)})
        return
    pixels = 0
    for page, found in enumerate(pages):
        pixels += 0 if isinstance(found, InputError) else found.shape[0] * found.shape[1]
        if pixels > limits.document_pixels:
            told = f"{name} has more than {limits.document_pixels:,} pixels on its first {page + 1} pages"
            yield Input(path, page, error=InputError("INPUT_TOO_LARGE", told))
            return
        if isinstance(found, InputError):
            yield Input(path, page, error=found)
        else:
            yield Input(path, page, {PICTURES.port: found}, page_count=count)
