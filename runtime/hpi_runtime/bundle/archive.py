"""Archives of bundles: tar, or tar in zstd; the same files make the same bytes."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hpi_schemas.bundle import MANIFEST
from hpi_schemas.packages import missing

from hpi_runtime.bundle.recognition import ZSTD_MAGIC
from hpi_runtime.errors import PlanError

if TYPE_CHECKING:
    from hpi_runtime.bundle.contents import Contents

ZSTD_ENDING, TAR_ENDING = ".tar.zst", ".tar"
# Headers are read whole, before anybody knows whose they are.
_LONGEST_HEADER = 64 << 10
# Weights hardly get smaller; a higher level costs minutes.
_LEVEL = 6
_MODE = 0o644


def write(contents: Contents, output: Path) -> None:
    """Write an archive, whole or not at all.

    Raises:
        PlanError: zstandard is not installed.
        OSError: it cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.begun-", dir=output.parent)
    os.close(handle)
    begun = Path(name)
    try:
        with _writing(begun, output.name.endswith(ZSTD_ENDING)) as opened:
            data = contents.manifest.to_bytes()
            _add(opened, MANIFEST, len(data), io.BytesIO(data))
            for name, file in contents.manifest.files.items():
                with contents.opened(name) as content:
                    _add(opened, name, file.size, content)
        begun.chmod(0o666 & ~_umask())
        begun.replace(output)
    finally:
        begun.unlink(missing_ok=True)


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


@contextmanager
def _writing(path: Path, is_small: bool) -> Iterator[tarfile.TarFile]:
    """Give an archive to add files to.

    Args:
        path: to write.
        is_small: in zstd; its bytes then depend on the version of zstandard.

    Raises:
        PlanError: zstandard is not installed.
        OSError: it cannot be written.
    """
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(path.open("wb"))
        if is_small:
            options = {"level": _LEVEL, "write_checksum": True, "write_content_size": False}
            stream = stack.enter_context(_zstandard().ZstdCompressor(**options).stream_writer(stream, closefd=False))
        yield stack.enter_context(tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT))


def _add(archive: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    """Add a file with nothing of the machine in it: no time, no owner."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, _MODE
    archive.addfile(entry, content)


@contextmanager
def reading(path: Path) -> Iterator[tarfile.TarFile]:
    """Give an archive to read from its beginning to its end.

    Raises:
        PlanError: zstandard is not installed.
        OSError: it cannot be read.
        tarfile.TarError, and what ``faults`` has: it is damaged.
    """
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(path.open("rb"))
        is_small = stream.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
        stream.seek(0)
        if is_small:
            stream = stack.enter_context(_zstandard().ZstdDecompressor().stream_reader(stream, closefd=False))
        yield stack.enter_context(tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member))


class _Member(tarfile.TarInfo):
    """A member whose header is no longer than one of a bundle."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # Where tarfile lets subclasses decide about kinds of members.
        if not self.isreg() and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError("a header is longer than those of bundles")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


def faults() -> tuple[type[Exception], ...]:
    """Return what reading a damaged archive raises."""
    found: list[type[Exception]] = [tarfile.TarError, EOFError, ValueError]
    with suppress(PlanError):
        found.append(_zstandard().ZstdError)
    return tuple(found)


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as fault:
        raise PlanError(missing("zstandard")) from fault
    return zstandard
