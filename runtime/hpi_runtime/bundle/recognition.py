"""Is it a bundle? Without anything that opens one: every command that takes a plan asks."""

from __future__ import annotations

from pathlib import Path

from hpi_schemas.bundle import MANIFEST

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_USTAR_AT, _USTAR = 257, b"ustar"


def is_bundle(path: Path) -> bool:
    """Tell an archive, or a folder that one was unpacked into."""
    try:
        return (path / MANIFEST).is_file() or (path.is_file() and is_archive(path))
    except (OSError, ValueError):
        return False


def is_archive(path: Path) -> bool:
    """Tell an archive by its first bytes."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_USTAR_AT + len(_USTAR))
    except (OSError, ValueError):
        return False
    return head.startswith(ZSTD_MAGIC) or head[_USTAR_AT:] == _USTAR
