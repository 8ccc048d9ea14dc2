"""Where results of a hosted plan go: lines on stdout, or all the files that PaddleX writes of each."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hpi_runtime.results import naming
from hpi_runtime.results.result import Result, record_of
from hpi_runtime.results.writer import Writer, refused
from hpi_schemas.files import Kind, OutputError, make_folder

from hpi_paddlex.results import HostedResult

_RECORD = ".json"


class HostedWriter(Writer):
    """Writes what PaddleX writes, below the folder that the name of the input gives, whole or not at all."""

    def _write(self, result: Result) -> None:
        if self._records is None or not isinstance(result, HostedResult):
            super()._write(result)
            return
        path, page = result["input_path"] or "", result["page_index"]
        folder = self._records / naming.stem(path, page).parent
        # What PaddleX writes is made before anything is replaced; the record comes first, for the rest is ours by it.
        files = sorted(result.files(folder), key=lambda item: not item[0].endswith(_RECORD))
        known = next((folder / name for name, _ in files if name.endswith(_RECORD)), None)
        kind = record_of(path, page)
        was_ours = known is not None and known.is_file() and kind.holds(known)
        beside = Kind("part of a result of this input", lambda _: was_ours)
        try:
            for name, data in files:
                place = folder / PurePosixPath(name)
                make_folder(place.parent)
                self._outputs.write(place, data, kind if place == known else beside)
        except OutputError as fault:
            raise refused(fault) from None

    def _taken_place(self, name: str, page: int | None) -> Path | None:
        # Known only when PaddleX has written; each file is looked at then.
        return None
