"""Scenes for ``3d_bev_detection``: an archive of pictures and points, and a pickle that says which is which."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.pickles import reading
from hpi_schemas.model_store import is_file_below

TASK = "3d_bev_detection"
_PICKLE = ".pkl"
# Of what says where the files are; a scene's has some thousand bytes.
_LARGEST_PICKLE = 64 << 20
# What PaddleX opens, below the folder where it unpacks the archive.
_PATHS = frozenset({"lidar_path", "data_path"})


def check(path: Path, name: str, limits: Limits) -> None:
    """Look whether an archive can be unpacked, and its pickles loaded: PaddleX does both without a look.

    Args:
        path: of the archive.
        name: that people gave it.
        limits: its contents may have as many bytes as a file.

    Raises:
        InputError: it is no archive, leads elsewhere, is too large, or holds no plain pickles.
    """
    total = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                total += member.size
                if total > limits.bytes:
                    raise InputError("INPUT_TOO_LARGE", f"{name} holds more than {limits.bytes:,} bytes")
                if not (member.isfile() or member.isdir()):
                    raise InputError("INPUT_UNSUPPORTED", f"{name}: `{member.name}` is neither a file nor a folder")
                if not is_file_below(member.name.rstrip("/")):
                    raise InputError("INPUT_UNSUPPORTED", f"{name}: `{member.name}` leads out of the archive")
                if member.name.rstrip("/").endswith(_PICKLE):
                    _check_pickle(archive, member, name)
    except (tarfile.TarError, OSError, EOFError) as fault:
        raise InputError("INPUT_UNREADABLE", f"{name} cannot be unpacked: {fault}") from fault


def _check_pickle(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
    stream = archive.extractfile(member)
    if stream is None or member.size > _LARGEST_PICKLE:
        raise InputError("INPUT_TOO_LARGE", f"{name}: `{member.name}` has more than {_LARGEST_PICKLE:,} bytes")
    try:
        told = reading.read(stream.read())
    except ValueError as fault:
        raise InputError("INPUT_UNSUPPORTED", f"{name}: `{member.name}` is not loaded: {fault}") from fault
    for path in _paths(told):
        if type(path) is not str or not is_file_below(path):
            raise InputError("INPUT_UNSUPPORTED", f"{name}: {path!r} in `{member.name}` leads out of the archive")


def _paths(told: Any) -> Iterator[Any]:
    """Yield the paths that a scene tells, however deep; each value is looked at once."""
    waiting, seen = [told], set()
    while waiting:
        value = waiting.pop()
        if not isinstance(value, (dict, list, tuple)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            yield from (value[key] for key in _PATHS & value.keys())
            waiting += value.values()
        else:
            waiting += value
