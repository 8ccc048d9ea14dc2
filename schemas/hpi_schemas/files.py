"""Reading files of bounded size, writing files whole or not at all, and what a command may write over."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.console import CommandError

# Of the files that programs write for programs: plans, profiles, candidates, targets.
MOST_BYTES = 256 << 20
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
LFS = "is a pointer of Git LFS; `git lfs pull` brings the file itself"
_TEMPORARY = ".hpi-"
# A writer locks its temporary file within this time.
_SWEEP_SECONDS = 60
_swept: set[Path] = set()


class ReadError(Exception):
    """A file that cannot be read or is too large; the message is for people."""


class OutputError(CommandError):
    """A file that must not be written, or cannot."""


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a file or a pipe, which must be no more than 256 MiB.

    Raises:
        ReadError: they cannot be read, or are more.
    """
    try:
        with path.open("rb") as stream:
            # The size that a file system tells is none for a pipe or a device.
            data = stream.read(MOST_BYTES + 1)
    except OSError as fault:
        raise ReadError(f"{path} cannot be read: {fault.strerror}") from None
    except ValueError as fault:
        raise ReadError(f"{str(path)!r} is no path: {fault}") from None
    if len(data) > MOST_BYTES:
        raise ReadError(f"{path} has more than {MOST_BYTES >> 20} MiB")
    if data.startswith(LFS_POINTER):
        raise ReadError(f"{path} {LFS}")
    return data


def is_lfs_pointer(path: Path) -> bool:
    """Tell whether a file is only a pointer to one that Git LFS keeps elsewhere (git-lfs.com/spec)."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False


class Kind(NamedTuple):
    """A kind of file that commands write.

    Attributes:
        title: as messages call it.
        holds: tells whether a file that is there is of that kind, and so may be replaced by a newer one.
    """

    title: str
    holds: Callable[[Path], bool]


class Outputs:
    """Decides what a command writes over: nothing that it reads, and nothing but older outputs of its kind."""

    def __init__(self, reads: Iterable[str | Path], overwrite: bool = False) -> None:
        """Take the files that the command reads; names that are no files, such as URLs, do not matter.

        Args:
            reads: paths; links are followed.
            overwrite: foreign files are replaced too, those that are read never.
        """
        # A list that comes on stdin, and results that go to stdout, may be files too.
        named = (*reads, 0, 1)
        self._reads = {found for path in named if (found := _identity(path)) is not None}
        self._overwrite = overwrite

    def is_read(self, path: Path) -> bool:
        """Tell whether a path leads to one of the files that the command reads, by whatever name."""
        found = _identity(path)
        return found is not None and found in self._reads

    def check(self, path: Path, kind: Kind) -> None:
        """Look whether a file could be written there, before any work is done.

        Raises:
            OutputError: it is read by this command, is of another kind, or its folder cannot be written.
        """
        self.refuse(path, kind)
        folder = path.parent
        if not is_folder(folder):
            raise OutputError(f"{path} cannot be written: {folder} is no folder")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{path} cannot be written: {folder} is not writable")

    def write(self, path: Path, data: bytes, kind: Kind) -> None:
        """Write a file, whole or not at all.

        Raises:
            OutputError: it is read by this command, is of another kind, or cannot be written; it is then as it was.
        """
        self.refuse(path, kind)
        try:
            write_atomic(path, data)
        except OSError as fault:
            raise OutputError(f"{path} cannot be written: {fault.strerror or fault}") from fault
        except ValueError as fault:
            raise OutputError(f"{str(path)!r} is no path: {fault}") from fault

    def refuse(self, path: Path, kind: Kind) -> None:
        """Look whether a file may be written there.

        Raises:
            OutputError: it is read by this command, or what is there is of another kind.
        """
        if self.is_read(path):
            raise OutputError(f"{path} would be written over, and this command reads it; name another place")
        if is_folder(path):
            raise OutputError(f"{path} is a folder; name a file")
        if _identity(path) is None or self._overwrite or path.stat().st_size == 0:
            # What is no regular file, such as a pipe, is written to and never replaced.
            return
        if not kind.holds(path):
            raise OutputError(f"{path} is there and holds no {kind.title}; remove it first, or name another place")


def is_folder(path: str | Path) -> bool:
    """Tell whether a folder is there; what cannot be a path, such as one that is too long, is none."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def make_folder(path: Path) -> None:
    """Make a folder, with those above it, where there is none.

    Raises:
        OutputError: it cannot be made.
    """
    scheme = next(iter(path.parts), "")
    if scheme.endswith(":") and not is_folder(scheme):
        # As a path, `s3://bucket` is a folder named `s3:`.
        raise OutputError(f"{path} is no folder: only folders of this machine are written to")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as fault:
        raise OutputError(f"{path} is a file, and not a folder") from fault
    except OSError as fault:
        raise OutputError(f"{path} cannot be made: {fault.strerror or fault}") from fault
    except ValueError as fault:
        raise OutputError(f"{str(path)!r} is no path: {fault}") from fault


def json_with(*alternatives: frozenset[str]) -> Callable[[Path], bool]:
    """Return what tells whether a file is a JSON object that has all the keys of one of these sets."""

    def holds(path: Path) -> bool:
        try:
            found = loads(read_bounded(path))
        except (ReadError, JsonError):
            return False
        return isinstance(found, dict) and any(keys <= found.keys() for keys in alternatives)

    return holds


# With --stop-after, the state of a pass stands in the place of a plan.
PLAN = Kind("plan", json_with(frozenset({"modules", "must_understand"}), frozenset({"modules", "pass"})))
CANDIDATES = Kind("candidates", json_with(frozenset({"format", "modules", "plan"})))
PROFILE = Kind("profile", json_with(frozenset({"format", "inputs", "modules", "target"})))
BOM = Kind("inventory", json_with(frozenset({"bomFormat", "components", "metadata"})))
RECORD = Kind("record of a run", json_with(frozenset({"machine", "modules", "plan", "results"})))


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to a temporary file beside ``path`` and rename it into place.

    A symbolic link is followed. What is no regular file, such as ``/dev/stdout`` or a pipe, is written
    to and never replaced. What killed writers left in the folder is removed.

    Raises:
        OSError: it cannot be written, with its own name; a regular file is then as it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    _sweep(path.parent)
    temporary = path.with_name(f"{_TEMPORARY}{os.urandom(16).hex()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            with suppress(OSError):
                # Some network file systems have no locks; there nothing is swept either.
                fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write(data)
            stream.flush()
            temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        # People know nothing of the temporary file.
        raise OSError(fault.errno, fault.strerror, str(path)) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sweep(folder: Path) -> None:
    """Remove temporary files whose writers are dead: nobody holds their locks. Once a folder and process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError):
        for path in folder.glob(f"{_TEMPORARY}*.tmp"):
            with suppress(OSError), path.open("rb") as stream:
                if time.time() - path.stat().st_mtime > _SWEEP_SECONDS:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def _identity(path: str | Path | int) -> tuple[int, int] | None:
    """Return what is the same for all names of a regular file, None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 (a million inputs need no Path each)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
