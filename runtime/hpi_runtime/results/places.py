"""Where what is saved of a result goes, by PaddleX's names."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from hpi_schemas.files import is_folder, make_folder


def place(save_path: str | Path, suffixes: Container[str], name: str) -> Path:
    """Return a file that somebody names by its ending, or a name in a folder; the folder is made."""
    path = Path(save_path)
    if path.suffix.lower() in suffixes and not is_folder(path):
        make_folder(path.parent)
        return path
    make_folder(path)
    return path / name


def beside(stem: str, name: str) -> str:
    """Return the name of an attachment of the result with this stem: behind it, or in a folder of its own."""
    return name if "/" in name else f"{stem}{name}" if name.startswith(".") else f"{stem}_{name}"
