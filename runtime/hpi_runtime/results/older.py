"""Which files are older results of an input, that a newer one may replace: each says of what it is."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from hpi_schemas.files import Kind, ReadError, json_with, read_bounded

from hpi_runtime.results import marks, naming


def record_of(path: str, page: int | None) -> Kind:
    """Return the kind of JSON file that is a record of this input."""
    is_record = json_with(frozenset({"input_path", "page_index", "plan"}))

    def holds(file: Path) -> bool:
        try:
            return is_record(file) and _is_of(json.loads(read_bounded(file)), path, page)
        except (ReadError, ValueError):
            return False

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
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _is_of(facts: Any, path: str, page: int | None) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("input_path"), str):
        return False
    # However it was named: what gives the same place is the same input.
    return facts.get("page_index") == page and naming.stem(facts["input_path"], page) == naming.stem(path, page)
