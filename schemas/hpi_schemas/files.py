"""Reading files of bounded size, and writing files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

# Of the files that programs write for programs: plans, profiles, candidates, targets.
MOST_BYTES = 256 << 20


class ReadError(Exception):
    """A file that cannot be read or is too large; the message is for people."""


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
    if len(data) > MOST_BYTES:
        raise ReadError(f"{path} has more than {MOST_BYTES >> 20} MiB")
    return data


def unwritable(path: Path) -> str | None:
    """Return why a file cannot be written, as far as its folder tells beforehand; None if nothing speaks against it."""
    folder = path.parent
    if not folder.is_dir():
        return f"{path} cannot be written: {folder} is no folder"
    if not os.access(folder, os.W_OK):
        return f"{path} cannot be written: {folder} is not writable"
    return None


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to a temporary file beside ``path`` and rename it into place.

    A symbolic link is followed. What is no regular file, such as ``/dev/stdout`` or a pipe, is written
    to and never replaced.

    Raises:
        OSError: it cannot be written, with its own name; a regular file is then as it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    temporary = path.with_name(f".{os.urandom(16).hex()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            stream.write(data)
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        # People know nothing of the temporary file.
        raise OSError(fault.errno, fault.strerror, str(path)) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
