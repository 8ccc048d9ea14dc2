"""From what ``--input`` names to pictures: files, folders, globs, PDFs, URLs, and lists on stdin."""

from __future__ import annotations

import glob
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.limits import DEFAULT, Limits
from hpi_runtime.transforms import Image

PICTURES = frozenset(
    (
        *(".bmp", ".dib", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
        *(".ras", ".sr", ".tif", ".tiff", ".webp"),
    )
)
DOCUMENTS = frozenset({".pdf"})


@dataclass
class Input:
    """One picture, or the reason why there is none.

    Attributes:
        path: as it was named, None for an array from Python.
        page: of a PDF or TIFF, from 0, None otherwise.
        image: height × width × 3, uint8, BGR.
        error: why there is no picture.
    """

    path: str | None
    page: int | None = None
    image: Image | None = None
    error: InputError | None = None


def expand(named: Iterable[str]) -> list[str]:
    """Return every file and URL that the arguments mean, folders and globs in sorted order.

    Raises:
        PlanError: an argument names nothing.
    """
    found: list[str] = []
    for item in named:
        if item == "-":
            found.extend(line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif _is_url(item) or Path(item).is_file():
            found.append(item)
        elif Path(item).is_dir():
            found.extend(_folder(Path(item)))
        else:
            matches = sorted(path for path in glob.glob(item, recursive=True) if Path(path).is_file())  # noqa: PTH207 (absolute patterns too)
            if not matches:
                raise PlanError(f"--input {item}: there is no such file, folder or URL, and no file matches it")
            found.extend(matches)
    if not found:
        raise PlanError("--input names no pictures")
    return found


def read(named: Iterable[Any], limits: Limits = DEFAULT) -> Iterator[Input]:
    """Decode inputs one after the other; a bad one yields its error and the others go on.

    Args:
        named: paths and URLs as text, or BGR arrays (height × width × 3, uint8).
        limits: what each may cost.
    """
    for item in named:
        if not isinstance(item, str):
            yield _array(item)
            continue
        try:
            yield from _read_one(item, limits)
        except InputError as fault:
            yield Input(item, error=fault)
        except OSError as fault:
            yield Input(item, error=InputError("INPUT_UNREADABLE", f"{item} cannot be read: {fault.strerror or fault}"))
        except ValueError as fault:
            yield Input(item, error=InputError("INPUT_UNREADABLE", f"{item!r} is no path: {fault}"))


def _is_url(item: str) -> bool:
    return item.lower().startswith(("http://", "https://"))


def _folder(folder: Path) -> list[str]:
    suffixes = PICTURES | DOCUMENTS
    found = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not found:
        raise PlanError(f"--input {folder}: the folder holds no pictures and no PDF")
    return found


def _read_one(item: str, limits: Limits) -> Iterator[Input]:
    if _is_url(item):
        from hpi_runtime.fetch import fetch

        data = fetch(item, limits.bytes, limits.private_redirects)
    else:
        path = Path(item)
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            # A pipe or a device could keep the run waiting for ever.
            raise InputError("INPUT_UNREADABLE", f"{item} is not a file")
        if found.st_size > limits.bytes:
            raise InputError("INPUT_TOO_LARGE", f"{item} has more than {limits.bytes:,} bytes")
        data = path.read_bytes()
    if data[:1024].lstrip().startswith(b"%PDF-"):
        from hpi_runtime.pdf import pages

        for page, image in enumerate(pages(data, item, limits)):
            yield Input(item, page, image)
        return
    from hpi_runtime.images import decode, decode_pages, is_tiff

    if is_tiff(data):
        for page, image in enumerate(decode_pages(data, item, limits)):
            yield Input(item, page, image)
        return
    yield Input(item, None, decode(data, item, limits))


def _array(item: Any) -> Input:
    import numpy as np

    if isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim == 3 and item.shape[2] == 3 and item.size:
        return Input(None, image=item)
    kind = f"{item.dtype} of the shape {item.shape}" if isinstance(item, np.ndarray) else type(item).__name__
    return Input(
        None, error=InputError("INPUT_UNSUPPORTED", f"an array must be uint8, height × width × 3 in BGR, not {kind}")
    )
