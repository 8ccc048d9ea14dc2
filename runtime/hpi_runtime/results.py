"""Results: one flat JSON object per picture or page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpi_schemas.files import write_atomic

from hpi_runtime.errors import InputError
from hpi_runtime.transforms import Image


class Result(dict[str, Any]):
    """The record of one picture: plain JSON values by PaddleX's names.

    Attributes:
        image: the picture that its coordinates refer to (upright, flattened), BGR; None after a failure.
    """

    def __init__(self, fields: dict[str, Any], image: Image | None = None) -> None:
        super().__init__(fields)
        self.image = image

    @property
    def is_failed(self) -> bool:
        """Whether the record says why there is no result."""
        return "error" in self

    @property
    def stem(self) -> str:
        """A file name for this result, without its suffix: the input's, with the page if it has pages."""
        path = self["input_path"]
        name = Path(str(path).partition("?")[0]).stem if path else "array"
        page = self["page_index"]
        return name if page is None else f"{name}_{page}"

    def to_line(self) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(self, ensure_ascii=False, allow_nan=False)

    def print(self) -> None:
        """Print the record, as PaddleX's results do."""
        import sys

        sys.stdout.write(self.to_line() + "\n")

    def save_to_json(self, folder: str | Path, stem: str | None = None) -> Path:
        """Write the record into a folder as ``STEM.json`` (by default the input's name) and return the path."""
        path = _place(folder, f"{stem or self.stem}.json")
        text = json.dumps(self, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
        write_atomic(path, text.encode("utf-8", "backslashreplace"))
        return path

    def save_to_img(self, folder: str | Path, stem: str | None = None) -> Path | None:
        """Draw the result into a folder as ``STEM.png`` and return the path; None after a failure."""
        if self.image is None:
            return None
        from hpi_runtime.draw import draw

        path = _place(folder, f"{stem or self.stem}.png")
        draw(self, self.image).save(path)
        return path


def failed(path: str | None, page: int | None, fault: InputError) -> Result:
    """Return the record of an input that could not be processed."""
    error = {"code": fault.code, "message": str(fault)}
    return Result({"input_path": path, "page_index": page, "error": error})


def _place(folder: str | Path, name: str) -> Path:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return place / name
