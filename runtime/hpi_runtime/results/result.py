"""Results: one flat JSON object per picture or page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hpi_schemas.console import emit
from hpi_schemas.files import Kind, OutputError, Outputs, ReadError, is_folder, json_with, make_folder, read_bounded
from hpi_schemas.values import Value

from hpi_runtime.errors import InputError
from hpi_runtime.pictures import Image
from hpi_runtime.results import marks, naming

if TYPE_CHECKING:
    import PIL.Image

_FACTS = ("input_path", "page_index", "plan")
# What PaddleX calls the drawing of a single module's result.
DRAWING = "res"


def _unprotected() -> Outputs:
    return Outputs([], overwrite=True)


class Result(dict[str, Any]):
    """The record of one picture: plain JSON values by PaddleX's names.

    Attributes:
        image: the picture that its coordinates refer to (upright, flattened), BGR; None after a failure.
        drawing: what PaddleX calls the picture drawn of it, such as ``ocr_res_img``.
        fields: what each of its fields is.
        pictures: those that are part of it, by field; JSON has none.
    """

    def __init__(
        self,
        record: dict[str, Any],
        image: Image | None = None,
        drawing: str = DRAWING,
        outputs: Callable[[], Outputs] = _unprotected,
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
        return {**self.__dict__, "fields": dict(self.fields), "pictures": dict(self.pictures), "_outputs": _unprotected}

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
        return self._drawn("PNG", pnginfo=facts)

    @property
    def json(self) -> dict[str, dict[str, Any]]:
        """The record as PaddleX's results give it: under ``res``."""
        return {DRAWING: dict(self)}

    @property
    def img(self) -> dict[str, PIL.Image.Image]:
        """The picture drawn of it by its name, as PaddleX's results give it; empty after a failure."""
        drawn = self._drawing()
        return {} if drawn is None else {self.drawing: drawn}

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
        path = _place(save_path, (".json",), f"{self.stem}_res.json")
        text = _json(self, indent, ensure_ascii) + "\n"
        self._save(path, text.encode("utf-8", "backslashreplace"))
        return path

    def save_to_img(self, save_path: str | Path) -> Path | None:
        """Draw the result and return where, None after a failure.

        Args:
            save_path: a file, whose ending says the format, or a folder, where the name is PaddleX's: that of the
                input, what is drawn, and the input's ending.

        Raises:
            OutputError: that is an input, the plan or a file of its models, or cannot be written.
        """
        import PIL.Image

        kinds = PIL.Image.registered_extensions()
        kinds = {suffix: kind for suffix, kind in kinds.items() if kind in PIL.Image.SAVE}
        own = Path(str(self["input_path"] or "")).suffix.lower()
        suffix = own if own in kinds and self["page_index"] is None else ".png"
        path = _place(save_path, kinds, f"{self.stem}_{self.drawing}{suffix}")
        try:
            data = self._drawn(kinds[path.suffix.lower()])
        except (OSError, ValueError) as fault:
            # Some formats have no colours, or no such sizes.
            raise OutputError(f"{path} cannot be written: {fault}; name a .png") from fault
        if data is None:
            return None
        self._save(path, data)
        return path

    def save_to(self, form: str, save_path: str | Path) -> Path | None:
        """Write one form of it, ``json`` or ``img``, and return where; None where a failure has nothing of that form.

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
        raise TypeError(f"this result has no form {form!r}; it has: json, img")

    def save_all(self, save_path: str | Path) -> None:
        """Write all that there is of it into a folder, as PaddleX does: the record, and the picture drawn of it.

        Raises:
            OutputError: as for the single ones.
        """
        self.save_to_json(save_path)
        self.save_to_img(save_path)

    def _drawing(self) -> PIL.Image.Image | None:
        if self.image is None:
            return None
        from hpi_runtime.results.canvas import draw

        return draw(self, self.fields, self.pictures, self.image)

    def _drawn(self, kind: str, **options: Any) -> bytes | None:
        drawn = self._drawing()
        if drawn is None:
            return None
        stream = BytesIO()
        drawn.save(stream, kind, **options)
        return stream.getvalue()

    def _save(self, path: Path, data: bytes) -> None:
        kind = Kind("result", lambda _: True)
        own = self["input_path"]
        Outputs([own] if own else [], overwrite=True).check(path, kind)
        self._outputs().write(path, data, kind)


def failed(
    path: str | None, page: int | None, fault: InputError, plan: str, outputs: Callable[[], Outputs] = _unprotected
) -> Result:
    """Return the record of an input that could not be processed.

    Args:
        path: of the input.
        page: of a document, from 0.
        fault: what went wrong.
        plan: the digest of the plan.
        outputs: as for ``Result``.
    """
    error = {"code": fault.code, "message": str(fault)}
    fields = {"input_path": path, "page_index": page, "plan": plan, "error": error}
    return Result(fields, outputs=outputs)


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


def _is_of(facts: Any, path: str, page: int | None) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("input_path"), str):
        return False
    # However it was named: what gives the same place is the same input.
    return facts.get("page_index") == page and naming.stem(facts["input_path"], page) == naming.stem(path, page)


def _json(value: Any, indent: int | None = None, ensure_ascii: bool = False) -> str:
    try:
        return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, indent=indent)
    except ValueError:
        raise InputError("OUTPUT_INVALID", "a model's output led to NaN or infinity in the result") from None


def _place(save_path: str | Path, suffixes: Any, name: str) -> Path:
    place = Path(save_path)
    if place.suffix.lower() in suffixes and not is_folder(place):
        make_folder(place.parent)
        return place
    make_folder(place)
    return place / name
