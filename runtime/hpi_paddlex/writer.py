"""Where results of a hosted plan go: lines on stdout, or all the files that PaddleX writes of each."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hpi_runtime.results import naming
from hpi_runtime.results.older import record_of
from hpi_runtime.results.result import Result
from hpi_runtime.results.writer import Writer, refused
from hpi_schemas.files import Kind, OutputError, make_folder

from hpi_paddlex.results import HostedResult

_RECORD = ".json"


class HostedWriter(Writer):
    """Writes what PaddleX writes into a folder of each input's own, named as its results are: no two ever meet."""

    def _write(self, result: Result) -> None:
        if self._records is None or not isinstance(result, HostedResult):
            super()._write(result)
            return
        path, page = result["input_path"] or "", result["page_index"]
        folder = self._records / naming.stem(path, page)
        # What PaddleX writes is made, and every place looked at, before anything is written; the record comes first.
        files = sorted(result.files(folder), key=lambda item: not item[0].endswith(_RECORD))
        places = [folder / PurePosixPath(name) for name, _ in files]
        record = record_of(path, page)
        was_ours = any(place.suffix == _RECORD and place.is_file() and record.holds(place) for place in places)
        kind = Kind("result of this input", lambda _: was_ours)
        try:
            for place in places:
                make_folder(place.parent)
                self._outputs.check(place, kind)
            for place, (_, data) in zip(places, files, strict=True):
                self._outputs.write(place, data, kind)
        except OutputError as fault:
            raise refused(fault) from None

    def _taken_place(self, name: str, page: int | None) -> Path | None:
        # Known only when PaddleX has written; each file is looked at then.
        return None
