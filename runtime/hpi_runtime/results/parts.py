"""Results in parts: files of many results each, for many inputs and many machines.

A part is so many inputs that follow one another, and its name says which part it is of what: the digest is that of the
plan, of what was asked for, and of the names of its inputs. It is written whole or not at all. So whoever starts again,
anywhere, sees what is missing; and as batches never reach over the end of a part, a part that is made again has the
same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from hpi_schemas.files import Kind, OutputError, Outputs, make_folder

from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.results.failures import failed
from hpi_runtime.results.result import Result

# Of its digest, in hexadecimal digits.
_DIGEST = 16
_PREFIX = "part-"


class Part(NamedTuple):
    """So many inputs that follow one another.

    Attributes:
        number: from 0.
        names: of the inputs.
        file: where its results go.
    """

    number: int
    names: Sequence[str]
    file: str


def divide(names: Sequence[str], size: int, form: str, asked: Sequence[str]) -> list[Part]:
    """Divide inputs into parts.

    Args:
        names: of the inputs, in order.
        size: inputs of a part; the last one has what is left.
        form: ``jsonl`` or ``parquet``.
        asked: what else results depend on, such as the digest of the plan.
    """
    found = []
    for number, start in enumerate(range(0, len(names), size)):
        own = names[start : start + size]
        told = json.dumps([*asked, *own]).encode()
        digest = hashlib.sha256(told).hexdigest()[:_DIGEST]
        found.append(Part(number, own, f"{_PREFIX}{number:06d}-{digest}.{form}"))
    return found


class Folder:
    """Where parts go."""

    def __init__(self, place: Path, form: str, outputs: Outputs) -> None:
        """Take a folder, the form of its files, and what decides over what may be written.

        Raises:
            PlanError: the folder cannot be made.
        """
        self._place = place
        self._form = form
        self._outputs = outputs
        try:
            make_folder(place)
        except OutputError as fault:
            raise PlanError(str(fault)) from None

    def has(self, part: Part) -> bool:
        """Tell whether a part is there."""
        return (self._place / part.file).is_file()

    def strangers(self, parts: Iterable[Part]) -> list[str]:
        """Return the names of parts in the folder that are of none of these: of other inputs, or another plan."""
        known = {part.file for part in parts}
        return sorted(path.name for path in self._place.glob(f"{_PREFIX}*.*") if path.name not in known)

    def write(self, part: Part, rows: Sequence[Row]) -> None:
        """Write a part.

        Raises:
            PlanError: it cannot be written.
        """
        try:
            self._outputs.write(self._place / part.file, _FORMS[self._form](rows), Kind("part", lambda _: True))
        except OutputError as fault:
            raise PlanError(f"results cannot be written: {fault}") from None


class Row(NamedTuple):
    """A result as it is written.

    Attributes:
        path: of the input.
        page: of a document, from 0.
        plan: the digest.
        error: why there is no result, as JSON.
        line: the record, as JSON.
    """

    path: str
    page: int | None
    plan: str
    error: str | None
    line: bytes


def row(result: Result) -> Row:
    """Return a result as it is written; one that JSON cannot have is a failure."""
    try:
        line = result.to_line()
    except InputError as fault:
        result = failed(result["input_path"], result["page_index"], fault, result["plan"])
        line = result.to_line()
    error = json.dumps(result["error"], ensure_ascii=False) if result.is_failed else None
    return Row(str(result["input_path"]), result["page_index"], result["plan"], error, _bytes(line))


def _lines(rows: Sequence[Row]) -> bytes:
    return b"".join(item.line + b"\n" for item in rows)


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    text = pyarrow.string()
    columns: dict[str, tuple[Any, list[Any]]] = {
        "input_path": (text, [_shown(item.path) for item in rows]),
        "page_index": (pyarrow.int32(), [item.page for item in rows]),
        "plan": (text, [item.plan for item in rows]),
        "error": (text, [None if item.error is None else _shown(item.error) for item in rows]),
        "result": (text, [item.line.decode() for item in rows]),
    }
    schema = pyarrow.schema([(name, kind) for name, (kind, _) in columns.items()])
    table = pyarrow.table({name: values for name, (_, values) in columns.items()}, schema=schema)
    stream = BytesIO()
    parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


_FORMS = {"jsonl": _lines, "parquet": _parquet}


def _bytes(text: str) -> bytes:
    # Names of files need not be text.
    return text.encode("utf-8", "backslashreplace")


def _shown(text: str) -> str:
    return _bytes(text).decode()
