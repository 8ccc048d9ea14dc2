"""A gallery: pictures of known things, each with its label."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hpi_schemas.files import ReadError, is_folder, read_bounded

from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.media import PICTURE_FILES


class Entry(NamedTuple):
    """A picture and what is on it."""

    path: str
    label: str


def read(place: Path, root: Path | None = None) -> list[Entry]:
    """Return the pictures of a gallery.

    Args:
        place: a folder with a folder of pictures for each label, or a list as PaddleX has it: a path and a label a
            line, with a tab between them, or a space if neither has one.
        root: where relative paths of a list start; None for its folder.

    Raises:
        PlanError: it cannot be read, or has no picture.
    """
    found = _of_folder(place) if is_folder(place) else _of_list(place, root or place.parent)
    if not found:
        raise PlanError(f"{place} has no pictures")
    return found


def _of_folder(folder: Path) -> list[Entry]:
    labels = sorted(item for item in folder.iterdir() if item.is_dir() and not item.name.startswith("."))
    if not labels:
        raise PlanError(f"{folder} has no folders; the pictures of each label belong in a folder of its name")
    return [
        Entry(str(path), label.name)
        for label in labels
        for path in sorted(label.rglob("*"))
        if path.suffix.lower() in PICTURE_FILES and path.is_file()
    ]


def _of_list(path: Path, root: Path) -> list[Entry]:
    try:
        lines = read_bounded(path).decode("utf-8-sig").splitlines()
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    except UnicodeDecodeError as fault:
        raise PlanError(f"{path} is no text in UTF-8: {fault.reason} at byte {fault.start}") from None
    found: dict[str, Entry] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if len(parts) != 2 or not all(parts):
            raise PlanError(f"{path}:{number}: a line is a path and a label; if one has spaces, a tab stands between")
        name = str(root / parts[0])
        if name in found:
            raise PlanError(f"{path}:{number}: {parts[0]} is listed before")
        found[name] = Entry(name, parts[1])
    return list(found.values())
