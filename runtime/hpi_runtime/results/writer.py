"""Where results go: lines on stdout, or a file each."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from hpi_schemas.console import write_all
from hpi_schemas.files import Kind, OutputError, Outputs, make_folder

from hpi_runtime.documents.cutouts import FOLDER
from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.results import naming
from hpi_runtime.results.failures import failed
from hpi_runtime.results.older import drawing_of, file_of, record_of, remove_older
from hpi_runtime.results.places import beside
from hpi_runtime.results.result import Result

# What speaks against one name and not against the folder.
_OF_A_NAME = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EILSEQ, errno.EINVAL, errno.EEXIST})
_RECORD = "_res.json"


class Writer:
    """Writes results as they come.

    Attributes:
        count: how many were written.
        failed: how many of these are failures.
    """

    def __init__(
        self,
        lines: BinaryIO,
        outputs: Outputs,
        records: Path | None,
        pictures: Path | None,
        drawing: str,
        taken: Path | None = None,
    ) -> None:
        """Take where results go.

        Args:
            lines: the stream for those that go into no file.
            outputs: decides what may be written over.
            records: the folder for a JSON file each, None for lines.
            pictures: the folder for drawings, None for none.
            drawing: what PaddleX calls a drawing of this plan's.
            taken: where something else of this run will be written.

        Raises:
            PlanError: a folder cannot be made.
        """
        self.count = self.failed = 0
        self._lines = lines
        self._outputs = outputs
        self._records = records
        self._pictures = pictures
        self._drawing = drawing
        self._taken = None if taken is None else taken.resolve()
        for folder in filter(None, (records, pictures)):
            try:
                make_folder(folder)
            except OutputError as fault:
                raise PlanError(str(fault)) from None

    def check(self, names: Iterable[str]) -> None:
        """Look whether the results of inputs would be written over what this run reads.

        Pages are known only when they are read, and are looked at then.

        Raises:
            PlanError: one would.
        """
        if self._records is None and self._pictures is None:
            return
        for name in names:
            path = self._taken_place(name, None)
            if path is not None:
                message = f"the results of {name} would be written over {path}, which this run reads or writes"
                raise PlanError(f"{message}; name another folder, or leave that file out")

    def write(self, result: Result) -> Result:
        """Write one result, and return it, or the failure that was written because it could not be.

        Raises:
            PlanError: no result can be written there: the disk is full, the folder not writable.
            OSError: the stream for lines cannot be written.
        """
        self.count += 1
        try:
            self._write(result)
        except InputError as fault:
            result = failed(result["input_path"], result["page_index"], fault, result["plan"])
            if fault.code == "OUTPUT_REFUSED":
                self._line(result)
            else:
                self._write(result)
        self.failed += result.is_failed
        return result

    def _write(self, result: Result) -> None:
        path, page = result["input_path"], result["page_index"]
        record, picture = self._places(path or "", page)
        # Those of inputs without pages were looked at before.
        taken = None if page is None else self._taken_place(path, page)
        if taken is not None:
            raise InputError("OUTPUT_REFUSED", f"{taken} would be written over, which this run reads or writes")
        # Drawn and written out before anything is replaced: what fails here leaves no half of a result.
        files: list[tuple[Path, bytes, Kind]] = []
        drawn = None if picture is None else _drawn(result)
        if picture is not None and drawn is not None:
            files.append((picture, drawn, drawing_of(path or "", page)))
        attached = {} if record is None else _attached(result, record)
        files.extend((place, content, file_of(path or "", page)) for place, content in attached.items())
        if record is not None:
            # Last: where it is, all of the result is.
            files.append((record, result.to_json(), record_of(path or "", page)))
        try:
            self._write_all(files)
        except OutputError as fault:
            raise refused(fault) from None
        if record is None:
            self._line(result)
        elif not result.is_failed:
            remove_older(record.with_name(_stem(record)), path or "", page, attached)

    def _write_all(self, files: Iterable[tuple[Path, bytes, Kind]]) -> None:
        """Write files, or none of them where one must not be written."""
        for place, _, kind in files:
            make_folder(place.parent)
            self._outputs.refuse(place, kind)
        for place, content, kind in files:
            self._outputs.write(place, content, kind)

    def _taken_place(self, name: str, page: int | None) -> Path | None:
        """Return where a result would be written over what this run reads or writes elsewhere, None if nowhere."""
        for path in filter(None, self._places(name, page)):
            if self._outputs.is_read(path) or path.resolve() == self._taken:
                return path
        return None

    def _line(self, result: Result) -> None:
        write_all(self._lines, result.to_line().encode("utf-8", "backslashreplace") + b"\n")

    def _places(self, path: str, page: int | None) -> tuple[Path | None, Path | None]:
        stem = naming.stem(path, page)
        endings = ((self._records, _RECORD), (self._pictures, f"_{self._drawing}.png"))
        record, picture = (
            None if folder is None else folder / stem.with_name(f"{stem.name}{ending}") for folder, ending in endings
        )
        return record, picture


def _drawn(result: Result) -> bytes | None:
    try:
        return result.to_png()
    except (OSError, RuntimeError, ValueError, ArithmeticError, LookupError) as fault:
        raise InputError("DRAWING_FAILED", f"the result cannot be drawn: {type(fault).__name__}: {fault}") from None


def _stem(record: Path) -> str:
    """Return what the names of all files of a result begin with."""
    return record.name.removesuffix(_RECORD)


def _attached(result: Result, record: Path) -> dict[Path, bytes]:
    """Return what is written beside a record, by place; pictures of pages in a folder of the record's name."""
    stem = _stem(record)
    try:
        files = result.attachments(f"{stem}_{FOLDER}")
        return {record.parent / beside(stem, name): content for name, content in files.items()}
    except (RuntimeError, ValueError, ArithmeticError, LookupError) as fault:
        raise InputError("OUTPUT_INVALID", f"the result cannot be written as a file: {fault}") from None


def refused(fault: OutputError) -> Exception:
    """Return what a result that cannot be written means: a failure of it, or the end of the run."""
    if isinstance(fault.__cause__, OSError) and fault.__cause__.errno not in _OF_A_NAME:
        return PlanError(f"results cannot be written: {fault}")
    return InputError("OUTPUT_REFUSED", str(fault))
