"""Which files are older results of an input, that a newer one may replace: each says of what it is."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from hpi_schemas.files import Kind, ReadError, read_bounded

from hpi_runtime.documents.cutouts import FOLDER
from hpi_runtime.results import marks, naming
from hpi_runtime.results.pages import ENDING

# What every record has.
_RECORD = frozenset({"input_path", "page_index", "plan"})


def record_of(path: str, page: int | None) -> Kind:
    """Return the kind of JSON file that is a record of this input."""

    def holds(file: Path) -> bool:
        try:
            # Names of inputs may have bytes that are no text.
            found = json.loads(read_bounded(file))
        except (ReadError, ValueError, RecursionError):
            return False
        return isinstance(found, dict) and found.keys() >= _RECORD and _is_of(found, path, page)

    return Kind("result of this input", holds)


def drawing_of(path: str, page: int | None) -> Kind:
    """Return the kind of PNG file that was drawn of this input."""

    def holds(file: Path) -> bool:
        import PIL.Image

        try:
            with PIL.Image.open(file) as picture:
                return _is_of(json.loads(picture.info.get(marks.KEY, "null")), path, page)
        except (OSError, ValueError, SyntaxError, TypeError, PIL.Image.DecompressionBombError):
            return False

    return Kind("picture drawn of this input", holds)


def file_of(path: str, page: int | None) -> Kind:
    """Return the kind of file that was written of this input: HTML, Markdown, a spreadsheet, or a picture on a page."""
    return Kind("file written of this input", lambda file: _is_of(_facts_of(file), path, page))


def remove_older(stem: Path, path: str, page: int | None, newer: Container[Path]) -> None:
    """Remove what an older result of an input had beside its record, and a newer one has not.

    Args:
        stem: what the names of files of the result begin with, in their folder.
        path, page: the input.
        newer: what belongs to the newer result.
    """
    holds = file_of(path, page).holds
    for place in (stem.with_name(f"{stem.name}{ENDING}"), *_tables(stem, newer), *_cuts(stem)):
        if place not in newer and place.is_file() and holds(place):
            place.unlink(missing_ok=True)


def _tables(stem: Path, newer: Container[Path]) -> Iterator[Path]:
    """Yield the files of tables behind the last one that a newer result has; they are numbered without gaps."""
    for number in count(1):
        places = [stem.with_name(f"{stem.name}_table_{number}{ending}") for ending in (".html", ".xlsx")]
        if not any(place in newer or place.exists() for place in places):
            return
        yield from places


def _cuts(stem: Path) -> list[Path]:
    """Return the files in the folder for pictures of a page."""
    try:
        return list(stem.with_name(f"{stem.name}_{FOLDER}").iterdir())
    except OSError:
        return []


def _facts_of(path: Path) -> Any:
    """Return what a file says of where it is from, None if it says nothing."""
    try:
        if path.suffix == ".xlsx":
            import openpyxl

            return json.loads(openpyxl.load_workbook(path, read_only=True).properties.description or "null")
        if path.suffix == ".jpg":
            import PIL.Image

            with PIL.Image.open(path) as picture:
                return json.loads(picture.info.get("comment", "null"))
        return marks.commented(path.read_text(encoding="utf-8"))
    except Exception:
        # Whatever readers make of a foreign file, it is none of ours.
        return None


def _is_of(facts: Any, path: str, page: int | None) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("input_path"), str):
        return False
    # However it was named: what gives the same place is the same input.
    return facts.get("page_index") == page and naming.stem(facts["input_path"], page) == naming.stem(path, page)
