"""Results of a hosted pipeline: PaddleX's own, as records like all others, and as the files that PaddleX writes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpi_runtime.errors import InputError
from hpi_runtime.progress import LOG
from hpi_runtime.results.result import Result
from hpi_schemas.files import Outputs, is_folder, make_folder

from hpi_paddlex.answers import Answer

if TYPE_CHECKING:
    import PIL.Image

_TEXTS = (".html", ".json", ".md", ".tex")
# What writes the record.
RECORD = "save_to_json"


class HostedResult(Result):
    """A result of PaddleX's.

    Attributes:
        own: it, as PaddleX gives it.
    """

    def __init__(self, answer: Answer, path: str | None, plan: str, outputs: Callable[[], Outputs]) -> None:
        """Take a result.

        Args:
            answer: of PaddleX's.
            path: of the input, as it was named; None for what has no name.
            plan: the digest of the plan.
            outputs: as for ``Result``.

        Raises:
            InputError: it has no record.
        """
        self.own = own = answer.own
        self._answer = answer
        record = _record(own)
        page = record.get("page_index")
        super().__init__(
            {
                **record,
                "input_path": path,
                "page_index": page if isinstance(page, int) else None,
                "plan": plan,
                **answer.also,
            },
            outputs=outputs,
        )

    @property
    def img(self) -> dict[str, PIL.Image.Image]:
        """The pictures that PaddleX draws of it, by their names."""
        found: dict[str, PIL.Image.Image] = self.own.img if hasattr(self.own, "img") else {}
        return found

    def save_to_img(self, save_path: str | Path) -> Path:
        """Let PaddleX draw it, and return the folder."""
        return self.save_to("img", save_path)

    def save_to(self, form: str, save_path: str | Path) -> Path:
        """Let PaddleX write one of its forms, and return the folder.

        Args:
            form: as in PaddleX's ``save_to_FORM``: ``img``, ``csv``, ``html``, ``xlsx``, ``markdown``, ``video``, ….
            save_path: a folder, or a file whose ending says that.

        Raises:
            TypeError: this result has no such form.
            InputError: PaddleX cannot write it.
            OutputError: that is an input, the plan or a file of its models, or cannot be written.
        """
        method = f"save_to_{form}"
        if method not in _methods(self.own):
            known = ", ".join(name.removeprefix("save_to_") for name in _methods(self.own))
            raise TypeError(f"this result has no form {form!r}; it has: {known}")
        place = Path(save_path)
        is_file = bool(place.suffix) and not is_folder(place)
        folder, name = (place.parent, place.name) if is_file else (place, "")
        with tempfile.TemporaryDirectory() as made:
            self._put_pictures(Path(made))
            try:
                getattr(self.own, method)(save_path=str(Path(made) / name))
            except Exception as fault:
                raise InputError("DRAWING_FAILED", _failed(method, fault)) from fault
            self._put(self._contents(Path(made), folder), folder)
        return folder

    def save_all(self, save_path: str | Path) -> None:
        """Write all that there is of it into a folder, as PaddleX does.

        Raises:
            InputError, OutputError: as for the single ones.
        """
        folder = Path(save_path)
        self._put(self.files(folder), folder)

    def files(self, place: Path) -> Iterator[tuple[str, bytes]]:
        """Yield all that PaddleX writes of it, by its name below a folder: the record, pictures, tables, Markdown.

        What PaddleX cannot write here, such as a document for a package that is not installed, is told and left out.

        Args:
            place: the folder where it will lie; some files name others by their whole path.

        Raises:
            InputError: PaddleX cannot write the record.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self._put_pictures(folder)
            for method, fault in save(self.own, folder).items():
                message = _failed(method, fault)
                if method == RECORD:
                    raise InputError("OUTPUT_INVALID", message) from fault
                LOG.warning("%s: %s", self["input_path"], message)
            yield from self._contents(folder, place)

    def _put_pictures(self, folder: Path) -> None:
        """Write what PaddleX looks for; the results that they are of write them too."""
        for name, picture in self._answer.pictures.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / name)

    def _contents(self, folder: Path, place: Path) -> Iterator[tuple[str, bytes]]:
        """Yield what PaddleX wrote into a folder, as it is to lie in another."""
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            name = str(path.relative_to(folder))
            if name in self._answer.pictures:
                continue
            data = path.read_bytes()
            if path.suffix in _TEXTS:
                data = data.replace(bytes(folder), bytes(place.absolute()))
            yield name, self._told(data) if path.suffix == ".json" else data

    def _put(self, files: Iterable[tuple[str, bytes]], folder: Path) -> None:
        for name, data in files:
            make_folder((folder / name).parent)
            self._save(folder / name, data)

    def _told(self, data: bytes) -> bytes:
        """Return a record that says of which input and plan it is; what is fetched, PaddleX knows by another name."""
        record = json.loads(data)
        if not isinstance(record, dict) or "input_path" not in record:
            return data
        told = {**record, "input_path": self["input_path"], "plan": self["plan"], **self._answer.also}
        return json.dumps(told, indent=4, ensure_ascii=False).encode("utf-8", "backslashreplace")


def save(own: Any, folder: Path) -> dict[str, Exception]:
    """Let PaddleX write everything that there is of a result into a folder; return what failed, by the method."""
    failed: dict[str, Exception] = {}
    for method in _methods(own):
        try:
            getattr(own, method)(save_path=str(folder))
        except NotImplementedError:
            # Inherited, and PaddleX's own way to say that there is none.
            continue
        except Exception as fault:
            failed[method] = fault
    return failed


def _methods(own: Any) -> list[str]:
    """Return the methods that PaddleX's ``save_all`` calls, which ends at the first that fails."""
    return [function.__name__ for function in own._save_funcs]


def _failed(method: str, fault: Exception) -> str:
    return f"PaddleX's {method} failed: {type(fault).__name__}: {fault}"


def _record(own: Any) -> dict[str, Any]:
    try:
        found = own.json["res"]
    except Exception as fault:
        message = f"PaddleX gives no record of its result: {type(fault).__name__}: {fault}"
        raise InputError("OUTPUT_INVALID", message) from fault
    if not isinstance(found, dict):
        raise InputError("OUTPUT_INVALID", f"PaddleX's record is a {type(found).__name__}")
    return {str(key): value for key, value in found.items()}
