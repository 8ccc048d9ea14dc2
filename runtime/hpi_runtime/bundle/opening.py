"""Opening a bundle: its files unpacked, each compared with what the manifest says of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hpi_schemas import bundle
from hpi_schemas.bundle import MANIFEST, MODELS, PLAN, BundleError, Manifest
from hpi_schemas.canonical import digest_file
from hpi_schemas.files import ReadError, read_bounded

from hpi_runtime.bundle import archive, home
from hpi_runtime.bundle.recognition import is_archive
from hpi_runtime.errors import PlanError

_CHUNK = 1 << 20
LARGEST_MANIFEST = 64 << 20
_SHA256 = "sha256:"


def opened(path: Path) -> Path:
    """Return the folder of a bundle; an archive is unpacked once for the user, or for this process alone.

    Raises:
        PlanError: it is damaged, or cannot be unpacked.
    """
    if not path.is_file():
        return path
    return home.kept(digest_file(path).removeprefix(_SHA256), lambda place: unpack(path, place))


def holds_bundle(path: Path) -> bool:
    """Tell whether a file is an archive that begins as a bundle does."""
    if not is_archive(path):
        return False
    try:
        with archive.reading(path) as opened:
            _manifest(opened, next(iter(opened), None))
    except archive.faults():
        return False
    except (BundleError, PlanError, OSError):
        return False
    return True


def plan_in(folder: Path) -> tuple[Path, Path, Path]:
    """Return the plan of an unpacked bundle, where its relative folders start, and where official models lie.

    Raises:
        PlanError: that is no unpacked bundle, or its plan is another one.
    """
    manifest = _unpacked(folder)
    if digest_file(folder / PLAN) != manifest.plan:
        raise PlanError(f"{folder / PLAN} is not the plan of the bundle")
    return folder / PLAN, folder / manifest.root, folder / MODELS


def _unpacked(folder: Path) -> Manifest:
    try:
        return bundle.read(read_bounded(folder / MANIFEST))
    except (BundleError, ReadError) as fault:
        raise PlanError(f"{folder}: {fault}") from None


def unpack(path: Path, folder: Path) -> Manifest:
    """Unpack a bundle into a new folder, whole or not at all, and return what is in it.

    Raises:
        PlanError: it is damaged; the message names the file. Or the folder is there, or cannot be written.
    """
    if os.path.lexists(folder):
        raise PlanError(f"{folder} is there already; name a new folder")
    begun = home.begun(folder)
    try:
        begun.mkdir(parents=True)
        manifest = _each(path, begun)
        with suppress(OSError):
            begun.rename(folder)
        if not (folder / MANIFEST).is_file():
            raise PlanError(f"{folder} cannot be made")
        return manifest
    except OSError as fault:
        raise PlanError(f"{folder} cannot be written: {fault.strerror or fault}") from None
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def check(path: Path) -> Manifest:
    """Read a bundle, or a folder that one was unpacked into, to its end, compare every file, and return what is in it.

    Raises:
        PlanError: it is damaged; the message names the file.
    """
    if path.is_file():
        return _each(path, None)
    manifest = _unpacked(path)
    for name, file in manifest.files.items():
        if not (path / name).is_file() or digest_file(path / name) != file.digest:
            raise PlanError(f"{path} is damaged: {name} is not what its manifest says")
    return manifest


def _each(path: Path, folder: Path | None) -> Manifest:
    """Compare every file, and write it below a folder."""
    name = "its beginning"
    try:
        with archive.reading(path) as opened:
            members = iter(opened)
            manifest, data = _manifest(opened, next(members, None))
            if folder is not None:
                check_room(sum(file.size for file in manifest.files.values()), folder)
            left = dict(manifest.files)
            for member in members:
                name = member.name
                file = left.pop(name, None)
                if file is None or not member.isreg() or member.size != file.size:
                    raise PlanError(f"{path} holds {name!r}, which is not what its manifest says")
                content = opened.extractfile(member)
                assert content is not None
                with _written(folder, name) as stream:
                    if _copied(content, stream) != file.digest:
                        raise PlanError(f"{path} is damaged: {name} is not what its manifest says")
            if left:
                raise PlanError(f"{path} lacks {next(iter(left))}")
    except archive.faults() as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise PlanError(f"{path} is damaged at or behind {name}: {reason}") from None
    except BundleError as fault:
        raise PlanError(f"{path}: {fault}") from None
    if folder is not None:
        # Relative folders may lead up from there.
        (folder / manifest.root).mkdir(parents=True, exist_ok=True)
    # Last: where it is, all of the bundle is.
    with _written(folder, MANIFEST) as stream:
        if stream is not None:
            stream.write(data)
    return manifest


def check_room(wanted: int, folder: Path) -> None:
    """Refuse what would fill the disk.

    Raises:
        PlanError: so many bytes have no room beside the folder.
    """
    free = shutil.disk_usage(folder.parent).free
    if wanted > free:
        raise PlanError(f"{folder.parent} has room for {free:,} bytes, and this takes {wanted:,}")


def _manifest(opened: tarfile.TarFile, member: tarfile.TarInfo | None) -> tuple[Manifest, bytes]:
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > LARGEST_MANIFEST:
        raise BundleError(f"it is no bundle, for {MANIFEST} is not its first file")
    content = opened.extractfile(member)
    assert content is not None
    data = content.read()
    return bundle.read(data), data


@contextmanager
def _written(folder: Path | None, name: str) -> Iterator[IO[bytes] | None]:
    if folder is None:
        yield None
        return
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        yield stream


def _copied(content: IO[bytes], stream: IO[bytes] | None) -> str:
    found = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        found.update(chunk)
        if stream is not None:
            stream.write(chunk)
    return _SHA256 + found.hexdigest()
