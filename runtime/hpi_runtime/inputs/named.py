"""What ``--input`` names: files, folders, globs, URLs, objects of stores, and lists on stdin."""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from hpi_runtime import object_store
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.media import PICTURES, Medium
from hpi_runtime.inputs.remote import is_url
from hpi_runtime.results.marks import is_drawing

# What is read beside pictures, and so not passed over.
_OURS = frozenset({"truth.json"})
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Named(NamedTuple):
    """What the arguments mean.

    Attributes:
        names: every file, URL and object, in order.
        notes: what was passed over, for people.
    """

    names: list[str]
    notes: list[str]


def expand(arguments: Iterable[str], stdin: BinaryIO | None = None, medium: Medium = PICTURES) -> Named:
    """Return every file, URL and object that arguments mean, folders and globs in sorted order.

    Args:
        arguments: as typed; ``-`` is the list on stdin.
        stdin: holds a name a line.
        medium: what the files of folders must be.

    Raises:
        PlanError: an argument names nothing.
    """
    found = Named([], [])
    for item in arguments:
        if item == "-":
            found.names.extend([] if stdin is None else listed(stdin.read()))
        elif is_url(item) or os.path.isfile(item):  # noqa: PTH113 (of a name that no file can have, Path raises)
            found.names.append(item)
        elif object_store.is_object(item):
            _add(found, item, *_objects(item, medium), medium)
        elif os.path.isdir(item):  # noqa: PTH112
            _add(found, item, *folder(Path(item), medium), medium)
        else:
            matches = _matches(item)
            if not matches:
                raise PlanError(f"--input {item}: there is no such file, folder, URL or object, and no file matches it")
            found.names.extend(matches)
    if not found.names:
        raise PlanError("--input names no files")
    return found


def listed(data: bytes) -> list[str]:
    """Return the names in a list, one a line, or with a NUL behind each as ``find -print0`` writes them.

    Bytes that are not UTF-8 stay what they are; empty lines do not count.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if encoding != "utf-8":
                data = data.decode(encoding, "replace").encode("utf-8", "surrogatepass")
            break
    lines = data.split(b"\0") if data.endswith(b"\0") else [line.rstrip(b"\r") for line in data.split(b"\n")]
    return [os.fsdecode(line) for line in lines if line.strip()]


def folder(path: Path, medium: Medium = PICTURES) -> tuple[list[str], int]:
    """Return the files of a medium in a folder and those below it, and how many files are none by their names.

    Names that begin with a dot are left out, as a shell does, and so is what we have drawn; links to folders are not
    followed.
    """
    found: list[str] = []
    passed_over = 0
    for place, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            file = Path(place, name)
            if file.suffix.lower() in medium.suffixes and file.is_file() and not is_drawing(file):
                found.append(str(file))
            elif name not in _OURS:
                passed_over += 1
    return sorted(found), passed_over


def objects_below(name: str, medium: Medium = PICTURES) -> tuple[list[str], int]:
    """Return the objects of a medium whose names begin with this one as a folder, as ``folder`` does.

    Raises:
        StoreError: they cannot be listed.
    """
    return _of_medium(name, object_store.listed(name).names, medium)


def _objects(name: str, medium: Medium) -> tuple[list[str], int]:
    """Return the objects that an argument means, and how many were passed over.

    Raises:
        PlanError: there are none, or they cannot be listed.
    """
    try:
        names, is_folder = object_store.listed(name)
    except object_store.StoreError as fault:
        raise PlanError(f"--input {fault}") from None
    if not names:
        raise PlanError(f"--input {name}: there is no such object, none below it, and none matches it")
    return _of_medium(name, names, medium) if is_folder else (names, 0)


def _of_medium(name: str, names: Sequence[str], medium: Medium) -> tuple[list[str], int]:
    below = [item for item in names if not any(part.startswith(".") for part in item[len(name) :].split("/"))]
    found = [item for item in below if PurePosixPath(item).suffix.lower() in medium.suffixes]
    return found, sum(PurePosixPath(item).name not in _OURS for item in below) - len(found)


def _add(found: Named, item: str, names: Sequence[str], passed_over: int, medium: Medium) -> None:
    """Add what a folder holds.

    Raises:
        PlanError: that is nothing.
    """
    if not names:
        raise PlanError(f"--input {item}: the folder holds no {medium.named}{_also(passed_over)}")
    found.names.extend(names)
    if passed_over:
        found.notes.append(
            f"{item}: {_counted(passed_over)} passed over: no {medium.named} by their names, or drawn here"
        )


def _matches(pattern: str) -> list[str]:
    """Return the files that match a pattern; ``**`` does not follow links, which may lead round in circles."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return sorted(path for path in glob.glob(pattern) if Path(path).is_file())  # noqa: PTH207 (absolute ones too)
    first = parts.index("**")
    rest = parts[first:] if len(parts) > first + 1 else ("**", "*")
    bases = glob.glob(str(Path(*parts[:first]))) if first else ["."]  # noqa: PTH207
    found = {
        path for base in bases for path in Path(base).glob("/".join(rest)) if _is_seen(path.relative_to(base), rest)
    }
    return sorted(str(path) for path in found if path.is_file())


def _is_seen(path: Path, pattern: Iterable[str]) -> bool:
    asks_for_hidden = any(part.startswith(".") for part in pattern)
    return asks_for_hidden or not any(part.startswith(".") for part in path.parts)


def _also(passed_over: int) -> str:
    return f", only {_counted(passed_over)} of other kinds" if passed_over else ""


def _counted(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"
