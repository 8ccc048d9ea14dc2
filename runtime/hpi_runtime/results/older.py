"""Which files are older results of an input, that a newer one may replace: each says of what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpi_schemas.files import Kind, ReadError, json_with, read_bounded

from hpi_runtime.results import marks, naming, sheets


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
    """Return the kind of file, HTML or a spreadsheet, that was written of this input."""
    return Kind("file written of this input", lambda file: _is_of(sheets.facts_of(file), path, page))


def _is_of(facts: Any, path: str, page: int | None) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("input_path"), str):
        return False
    # However it was named: what gives the same place is the same input.
    return facts.get("page_index") == page and naming.stem(facts["input_path"], page) == naming.stem(path, page)
