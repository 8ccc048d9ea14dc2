"""Scenes for ``3d_bev_detection``: an archive of pictures and points, and a pickle that says which is which."""

from __future__ import annotations

import tarfile
from pathlib import Path

from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import Limits
from hpi_schemas.model_store import is_file_below

from hpi_paddlex import pickles

_PICKLE = ".pkl"


def is_scene(path: Path) -> bool:
    """Tell whether a file is an archive, which PaddleX unpacks."""
    return tarfile.is_tarfile(path)


def check(path: Path, name: str, limits: Limits) -> None:
    """Look whether an archive can be unpacked, and its pickles loaded: PaddleX does both without a look.

    Args:
        path: of the archive.
        name: that people gave it.
        limits: its contents may have as many bytes as a file.

    Raises:
        InputError: it leads elsewhere, is too large, holds no plain pickles, or cannot be read.
    """
    total = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                total += member.size
                if not (member.isfile() or member.isdir()) or not is_file_below(member.name.rstrip("/")):
                    raise InputError("INPUT_UNSUPPORTED", f"{name}: `{member.name}` leads out of the archive")
                if total > limits.bytes:
                    raise InputError("INPUT_TOO_LARGE", f"{name} holds more than {limits.bytes:,} bytes")
                if member.name.endswith(_PICKLE):
                    _check_pickle(archive, member, name)
    except (tarfile.TarError, OSError, EOFError) as fault:
        raise InputError("INPUT_UNREADABLE", f"{name} cannot be unpacked: {fault}") from fault


def _check_pickle(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
    stream = archive.extractfile(member)
    try:
        pickles.check(b"" if stream is None else stream.read())
    except ValueError as fault:
        raise InputError("INPUT_UNSUPPORTED", f"{name}: `{member.name}` is not loaded: {fault}") from fault
