"""A depot: what many plans need, in one place that machines share, every file once.

``files/DIGEST`` is a file, and ``plans/DIGEST.json`` the manifest of a plan's bundle. A depot is a folder, or a name in
an object store.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hpi_schemas import bundle
from hpi_schemas.bundle import MANIFEST, BundleError, File, Manifest, place
from hpi_schemas.canonical import digest_file
from hpi_schemas.files import OutputError, ReadError, make_folder, read_bounded, write_atomic

from hpi_runtime import object_store
from hpi_runtime.bundle import home
from hpi_runtime.bundle.contents import Contents
from hpi_runtime.bundle.opening import LARGEST_MANIFEST, check_room
from hpi_runtime.errors import PlanError
from hpi_runtime.progress import going_on
from hpi_runtime.run.plan import LocatedPlan

_FILES, _PLANS = "files", "plans"
_SHA256 = "sha256:"
_SECONDS = 300.0


class Sent(NamedTuple):
    """What putting a plan there took.

    Attributes:
        files: that were not there.
        bytes: of these.
    """

    files: int
    bytes: int


def put(contents: Contents, address: str, is_again: bool = False) -> Sent:
    """Put what a plan needs into a depot, the manifest last: where it is, all of it is.

    What another machine has prepared for the same plan stays beside what this one has.

    Args:
        contents: of the plan.
        address: of the depot.
        is_again: send also what seems to be there.

    Raises:
        PlanError: it cannot be written.
        OSError: a file cannot be read.
    """
    depot = _depot(address)
    sent: dict[str, int] = {}
    try:
        for name, file in contents.manifest.files.items():
            key = f"{_FILES}/{_hex(file.digest)}"
            if key not in sent and (is_again or not depot.holds(key, file.size)):
                with going_on(f"{name}: {file.size:,} bytes to {address}"):
                    depot.write(key, _content(contents, name, file))
                sent[key] = file.size
        depot.write(_index(contents.manifest.plan), _merged(depot, contents.manifest).to_bytes())
    except (object_store.StoreError, OutputError) as fault:
        raise PlanError(f"the depot {address} cannot be written: {fault}") from None
    return Sent(len(sent), sum(sent.values()))


def _content(contents: Contents, name: str, file: File) -> Path | bytes:
    """Return a file of a plan, which must be as it was when it was listed.

    Raises:
        PlanError: it is not.
    """
    if name in contents.texts:
        return contents.texts[name].encode()
    path = contents.files[name]
    if digest_file(path) != file.digest:
        raise PlanError(f"{path} changed while it was read")
    return path


def _merged(depot: Any, manifest: Manifest) -> Manifest:
    """Return a manifest with what the depot has prepared for the same plan besides."""
    try:
        found = bundle.read(depot.read(_index(manifest.plan)))
    except (object_store.StoreError, BundleError):
        return manifest
    if (found.plan, found.root) != (manifest.plan, manifest.root):
        return manifest
    artefacts = sorted({*found.artefacts, *manifest.artefacts})
    return replace(manifest, files=dict(sorted({**found.files, **manifest.files}.items())), artefacts=artefacts)


def fetched(plan: LocatedPlan, address: str) -> Path:
    """Return the folder of what a plan needs, as one that a bundle was unpacked into; it is fetched the first time.

    Args:
        plan: to run.
        address: of the depot.

    Raises:
        PlanError: the depot has not all of it, or something else under its digest.
    """
    depot = _depot(address)

    def make(folder: Path) -> None:
        manifest = _manifest(depot, plan, address)
        # Each once, without those that other plans brought.
        files = folder.parent / _FILES
        missing = {
            file.digest: file.size for file in manifest.files.values() if not (files / _hex(file.digest)).exists()
        }
        check_room(sum(missing.values()), folder)
        with going_on(f"fetching {sum(missing.values()):,} bytes from {address}"):
            _assemble(depot, manifest, folder, address)

    return home.kept(_hex(plan.digest), make)


class _Folder:
    """A depot that is a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def holds(self, key: str, size: int) -> bool:
        path = self._path / key
        return path.is_file() and path.stat().st_size == size

    def write(self, key: str, content: Path | bytes) -> None:
        path = self._path / key
        make_folder(path.parent)
        try:
            if isinstance(content, bytes):
                write_atomic(path, content)
                return
            home.sweep(path.parent)
            begun = home.begun(path)
            try:
                shutil.copyfile(content, begun)
                with begun.open("rb") as stream:
                    # A name must not come before what it names, whenever the power fails.
                    os.fsync(stream.fileno())
                begun.replace(path)
            finally:
                begun.unlink(missing_ok=True)
        except OSError as fault:
            raise OutputError(f"{path} cannot be written: {fault.strerror or fault}") from None

    def read(self, key: str) -> bytes:
        try:
            return read_bounded(self._path / key)
        except ReadError as fault:
            raise object_store.StoreError(str(fault)) from None

    def copy(self, key: str, path: Path, size: int) -> None:
        try:
            source = (self._path / key).open("rb")
        except OSError as fault:
            raise object_store.StoreError(f"{self._path / key} cannot be read: {fault.strerror or fault}") from None
        with source, path.open("xb") as stream:
            if os.fstat(source.fileno()).st_size != size:
                raise object_store.StoreError(f"{self._path / key} has not {size:,} bytes")
            shutil.copyfileobj(source, stream)


class _Objects:
    """A depot in an object store."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def holds(self, key: str, size: int) -> bool:
        return object_store.holds(f"{self._address}/{key}", size)

    def write(self, key: str, content: Path | bytes) -> None:
        object_store.write(f"{self._address}/{key}", content)

    def read(self, key: str) -> bytes:
        return object_store.read(f"{self._address}/{key}", LARGEST_MANIFEST, _SECONDS)

    def copy(self, key: str, path: Path, size: int) -> None:
        object_store.copy(f"{self._address}/{key}", path, size)


def _depot(address: str) -> Any:
    if object_store.is_object(address):
        return _Objects(address)
    try:
        return _Folder(Path(address).expanduser())
    except RuntimeError:
        raise PlanError(f"the depot {address}: nobody here has such a home") from None


def _manifest(depot: Any, plan: LocatedPlan, address: str) -> Manifest:
    """Return what the depot says of a plan, which must be what the plan says of its models.

    Raises:
        PlanError: it is not, or there is none.
    """
    try:
        found = bundle.read(depot.read(_index(plan.digest)))
    except object_store.StoreError as fault:
        told = f"the depot {address} does not have the plan {plan.digest} ({fault})"
        raise PlanError(f"{plan.missing_folder}; and {told}: `hpi-bundle put` puts it there") from None
    except BundleError as fault:
        raise PlanError(f"the depot {address} is damaged: {fault}") from None
    try:
        wanted = {
            f"{place(reference, found.root)}/{name}": digest
            for reference, files in plan.folders()
            for name, digest in files.items()
        }
    except IndexError:
        raise PlanError(f"the depot {address} is damaged: {found.root!r} has no room for the plan's folders") from None
    for name, digest in wanted.items():
        if name not in found.files or found.files[name].digest != digest:
            raise PlanError(f"the depot {address} has other files than those of the plan: {name}")
    if found.plan != plan.digest:
        raise PlanError(f"the depot {address} is damaged: it has another plan under {plan.digest}")
    return found


def _assemble(depot: Any, manifest: Manifest, folder: Path, address: str) -> None:
    """Make the folder, whole or not at all; files that other plans brought are not fetched again."""
    begun = home.begun(folder)
    try:
        for name, file in manifest.files.items():
            path = begun / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(_here(depot, file, folder.parent / _FILES, address), path)
        (begun / manifest.root).mkdir(parents=True, exist_ok=True)
        (begun / MANIFEST).write_bytes(manifest.to_bytes())
        begun.rename(folder)
    except OSError as fault:
        raise PlanError(f"{folder} cannot be written: {fault.strerror or fault}") from None
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _here(depot: Any, file: File, files: Path, address: str) -> Path:
    """Return a file on this machine, which is compared with its digest however it came here."""
    path = files / _hex(file.digest)
    if path.is_file() and digest_file(path) == file.digest:
        return path
    files.mkdir(exist_ok=True)
    home.sweep(files)
    begun = home.begun(path)
    try:
        depot.copy(f"{_FILES}/{_hex(file.digest)}", begun, file.size)
        if digest_file(begun) != file.digest:
            raise PlanError(f"the depot {address} is damaged: {_FILES}/{_hex(file.digest)} has another digest")
        begun.replace(path)
    except object_store.StoreError as fault:
        raise PlanError(f"the depot {address} lacks a file: {fault}") from None
    finally:
        begun.unlink(missing_ok=True)
    return path


def _link(path: Path, new: Path) -> None:
    with suppress(OSError):
        os.link(path, new)
        return
    shutil.copyfile(path, new)


def _index(digest: str) -> str:
    return f"{_PLANS}/{_hex(digest)}.json"


def _hex(digest: str) -> str:
    return digest.removeprefix(_SHA256)
