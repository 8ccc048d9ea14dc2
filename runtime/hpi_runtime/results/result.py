"""Results: one flat JSON object per picture or page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hpi_schemas.console import emit
from hpi_schemas.files import Kind, OutputError, Outputs, is_folder, make_folder
from hpi_schemas.values import Value

from hpi_runtime import kinds
from hpi_runtime.documents.cutouts import FOLDER
from hpi_runtime.errors import InputError
from hpi_runtime.pictures import Image
from hpi_runtime.results import drawing, marks, pages
from hpi_runtime.results.places import beside, place
from hpi_runtime.series.table import Table

if TYPE_CHECKING:
    import PIL.Image

_FACTS = ("input_path", "page_index", "plan")
# What PaddleX calls the drawing of a single module's result.
DRAWING = "res"
# What the files of forms end with, the first one first.
_ENDINGS = {"csv": (".csv",), "html": (".html",), "xlsx": (".xlsx",), "markdown": (pages.ENDING, ".jpg")}


def unprotected() -> Outputs:
    """Return outputs that may be written over whatever is there."""
    return Outputs([], overwrite=True)


class Result(dict[str, Any]):
    """The record of one picture: plain JSON values by PaddleX's names.

    Attributes:
        image: the picture that its coordinates refer to (upright, flattened), BGR; None after a failure.
        drawing: what PaddleX calls the picture drawn of it, such as ``ocr_res_img``.
        fields: what each of its fields is.
        pictures: those that are part of it, by field; JSON has none.
        input_image: the picture that was read, BGR, where whoever loaded the plan asked to keep it.
        series: the table that it is about, by its moments; None for pictures and after a failure.
    """

    input_image: Image | None = None
    series: Table | None = None

    def __init__(
        self,
        record: dict[str, Any],
        image: Image | None = None,
        drawing: str = DRAWING,
        outputs: Callable[[], Outputs] = unprotected,
        fields: Mapping[str, Value] = MappingProxyType({}),
        pictures: Mapping[str, Image] = MappingProxyType({}),
    ) -> None:
        """Take a record.

        Args:
            record: plain JSON values.
            image: see above.
            drawing: see above.
            outputs: returns what may be written over; is asked when something is first written.
            fields: see above.
            pictures: see above.
        """
        super().__init__(record)
        self.image = image
        self.drawing = drawing
        self.fields = fields
        self.pictures = pictures
        self._outputs = outputs

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to another process: not the inputs of all other results."""
        return {**self.__dict__, "fields": dict(self.fields), "pictures": dict(self.pictures), "_outputs": unprotected}

    @property
    def is_failed(self) -> bool:
        """Whether the record says why there is no result."""
        return "error" in self

    @cached_property
    def _unnamed(self) -> str:
        """A name for a picture without one. As PaddleX does: two of them never meet."""
        return f"array_{uuid4().hex[:12]}"

    @property
    def stem(self) -> str:
        """PaddleX's name for files of this result, without ending: the input's without its own, with the page."""
        path = self["input_path"]
        name = Path(str(path)).stem if path else self._unnamed
        page = self["page_index"]
        return name if page is None else f"{name}_{page}"

    def to_line(self) -> str:
        """Return the record as one line of JSON.

        Raises:
            InputError: it holds NaN or infinity, which JSON does not have.
        """
        return _json(self)

    def to_json(self) -> bytes:
        """Return the record as a JSON file.

        Raises:
            InputError: it holds NaN or infinity, which JSON does not have.
        """
        return (_json(self, indent=2) + "\n").encode("utf-8", "backslashreplace")

    def to_png(self) -> bytes | None:
        """Return the picture drawn of it as PNG, with a text that says of what it is; None after a failure."""
        from PIL.PngImagePlugin import PngInfo

        facts = PngInfo()
        facts.add_itxt(marks.KEY, json.dumps({key: self.get(key) for key in _FACTS}))
        drawn = drawing.whole(self)
        return None if drawn is None else drawing.encoded(drawn, "PNG", pnginfo=facts)

    def attachments(self, folder: str = FOLDER) -> dict[str, bytes]:
        """Return what is written of it besides record and drawing, by the end of its name, such as ``table_1.html``.

        Args:
            folder: where pictures of parts of it go, whose names begin with it.
        """
        facts = {key: self.get(key) for key in _FACTS}
        found: dict[str, bytes] = {}
        for name, field in self.fields.items():
            if self.get(name) is not None:
                found |= kinds.find(field.kind).files(self[name], facts, self.image, folder)
        return found

    @property
    def json(self) -> dict[str, dict[str, Any]]:
        """The record as PaddleX's results give it: under ``res``."""
        return {DRAWING: dict(self)}

    @property
    def img(self) -> dict[str, PIL.Image.Image]:
        """The pictures drawn of it by their names, as PaddleX's results give them; empty after a failure.

        That of the whole comes first, then those of the stages before it, such as ``layout_det_res``.
        """
        drawn = drawing.whole(self)
        return {} if drawn is None else {self.drawing: drawn, **drawing.parts(self)}

    def print(self, json_format: bool = False, indent: int = 4, ensure_ascii: bool = False) -> None:
        """Print the record as one line of JSON, or as PaddleX does with ``json_format``: under ``res``, indented.

        Args:
            json_format: see above.
            indent: spaces a level, with ``json_format``.
            ensure_ascii: escape what is not ASCII, with ``json_format``.
        """
        text = _json(self.json, indent, ensure_ascii) if json_format else self.to_line()
        emit(text + "\n")

    def save_to_json(self, save_path: str | Path, indent: int = 4, ensure_ascii: bool = False) -> Path:
        """Write the record and return where: a file that ends in ``.json``, or ``NAME_res.json`` in a folder.

        Args:
            save_path: the file or folder.
            indent: spaces a level.
            ensure_ascii: escape what is not ASCII.

        Raises:
            OutputError: that is an input, the plan or a file of its models, or cannot be written.
        """
        path = place(save_path, (".json",), f"{self.stem}_res.json")
        self._save(path, (_json(self, indent, ensure_ascii) + "\n").encode("utf-8", "backslashreplace"))
        return path

    def save_to_img(self, save_path: str | Path) -> Path | None:
        """Draw the result and return where, None after a failure.

        Args:
            save_path: a file, whose ending says the format, or a folder, where the name is PaddleX's: that of the
                input, what is drawn, and the input's ending; the pictures of stages are beside it there.

        Raises:
            OutputError: that is an input, the plan or a file of its models, or cannot be written.
        """
        import PIL.Image

        kinds = {suffix: kind for suffix, kind in PIL.Image.registered_extensions().items() if kind in PIL.Image.SAVE}
        own = Path(str(self["input_path"] or "")).suffix.lower()
        suffix = own if own in kinds and self["page_index"] is None else ".png"
        path = place(save_path, kinds, f"{self.stem}_{self.drawing}{suffix}")
        drawn = drawing.whole(self)
        if drawn is None:
            return None
        files = {path: drawn}
        if is_folder(save_path):
            files |= {path.with_name(f"{self.stem}_{name}{suffix}"): part for name, part in drawing.parts(self).items()}
        try:
            data = {file: drawing.encoded(item, kinds[file.suffix.lower()]) for file, item in files.items()}
        except (OSError, ValueError) as fault:
            # Some formats have no colours, or no such sizes.
            raise OutputError(f"{path} cannot be written: {fault}; name a .png") from fault
        for file, content in data.items():
            self._save(file, content)
        return path

    def save_to(self, form: str, save_path: str | Path) -> Path | None:
        """Write one form (json, img, csv, html, xlsx, markdown) and return where; None where there is nothing.

        Of several tables, that is where the first one is: in a file that ``save_path`` names by its ending, and the
        others beside it, or in a folder.

        Raises:
            TypeError: this result has no such form.
            OutputError: as for the single ones.
        """
        if form == "json":
            return self.save_to_json(save_path)
        if form == "img":
            return self.save_to_img(save_path)
        if self.is_failed:
            return None
        if form in _ENDINGS:
            return next(iter(self._save_files(save_path, _ENDINGS[form])), None)
        raise TypeError(f"this result has no form {form!r}; it has: json, img, {', '.join(_ENDINGS)}")

    def save_all(self, save_path: str | Path) -> None:
        """Write all that there is of it into a folder, as PaddleX does: record, drawing, tables, Markdown.

        Raises:
            OutputError: as for the single ones.
        """
        self.save_to_json(save_path)
        self.save_to_img(save_path)
        self._save_files(save_path)

    def save_to_csv(self, save_path: str | Path) -> Path | None:
        """Write what was found of a series as a table, ``NAME_res.csv``, as ``save_to`` does."""
        return self.save_to("csv", save_path)

    def save_to_html(self, save_path: str | Path) -> Path | None:
        """Write each table as a page of HTML into a folder, ``NAME_table_1.html``, as ``save_to`` does."""
        return self.save_to("html", save_path)

    def save_to_xlsx(self, save_path: str | Path) -> Path | None:
        """Write each table as a spreadsheet into a folder, ``NAME_table_1.xlsx``, as ``save_to`` does."""
        return self.save_to("xlsx", save_path)

    def save_to_markdown(self, save_path: str | Path) -> Path | None:
        """Write the page as Markdown into a folder, ``NAME.md``, its pictures into ``imgs/``, as ``save_to`` does."""
        return self.save_to("markdown", save_path)

    @property
    def markdown(self) -> dict[str, Any]:
        """The page as Markdown, as PaddleX's results give it; empty where there is none."""
        value = self.get("markdown")
        if value is None or self.image is None:
            return {}
        return {**pages.shown(value, self.image), **{key: self[key] for key in ("page_index", "input_path")}}

    def _save_files(self, save_path: str | Path, suffixes: tuple[str, ...] = ()) -> list[Path]:
        found: list[Path] = []
        for name, data in self.attachments().items():
            if not suffixes or name.endswith(suffixes):
                own = beside(self.stem, name)
                found.append(place(found[0].parent, (), own) if found else place(save_path, suffixes[:1], own))
                make_folder(found[-1].parent)
                self._save(found[-1], data)
        return found

    def _save(self, path: Path, data: bytes) -> None:
        kind = Kind("result", lambda _: True)
        own = self["input_path"]
        Outputs([own] if own else [], overwrite=True).check(path, kind)
        self._outputs().write(path, data, kind)


def _json(value: Any, indent: int | None = None, ensure_ascii: bool = False) -> str:
    try:
        return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, indent=indent)
    except ValueError:
        raise InputError("OUTPUT_INVALID", "a model's output led to NaN or infinity in the result") from None
