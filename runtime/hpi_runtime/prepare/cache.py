"""The content-addressed cache of prepared artefacts.

An artefact lies in ``<model folder>/.cache/<key>/``, or in the user's cache where the model folder
is read-only. The key covers everything it depends on, so nothing in the cache is ever stale.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_schemas import probe
from hpi_schemas.canonical import JsonError, digest, digest_file, dumps, loads
from hpi_schemas.device import CPU, Device
from hpi_schemas.files import ReadError, read_bounded, write_atomic
from hpi_schemas.model_store import is_file_below
from hpi_schemas.plan import write
from hpi_schemas.plan.model import PrepareStep

from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare import process, steps
from hpi_runtime.progress import LOG

_RECORD = "artefact.json"
KEY_LENGTH = 24
_LOCK_SECONDS = 3600
_OVERRIDE = "HPI_CACHE_DIR"


@dataclass(frozen=True)
class Artefact:
    """What a prepare step makes, and from what.

    Attributes:
        step: the plan's record of the step.
        source: the folder of the files it starts from.
        files: their names, program first.
        digests: of those files.
        folder: the model's folder, where the cache lies.
        device: that it is made for, as in the plan.
    """

    step: PrepareStep
    source: Path
    files: tuple[str, ...]
    digests: Mapping[str, str]
    folder: Path
    device: Device

    @property
    def key(self) -> str:
        """Return the name of the artefact: a digest of everything it depends on.

        Raises:
            PrepareError: nobody here knows the step.
        """
        kind = self._kind
        versions = {tool.distributions[0]: probe.installed(tool.distributions) for tool in kind.TOOLS}
        facts = {"step": write.step(self.step), "versions": versions, "files": dict(self.digests)}
        if kind.HARDWARE:
            facts["hardware"] = _hardware(self.device)
        return digest(dumps(facts).encode()).removeprefix("sha256:")[:KEY_LENGTH]

    @property
    def title(self) -> str:
        """Return what is being made, for people."""
        return f"{self.step.step} of {self.folder} with {self.step.tool}"

    def job(self, folder: Path) -> steps.Job:
        """Return what the step has to do to make it in a folder."""
        files = tuple((self.source / file).absolute() for file in self.files)
        out = (folder / self.step.produces).absolute()
        options = dict(self.step.options)
        return steps.Job(self.step.step, options, self.device, files, self.folder.absolute(), out)

    @property
    def _kind(self) -> steps.Step:
        kind = steps.find(self.step.step)
        if kind is None:
            raise PrepareError(f"this hpi-run does not know the prepare step {self.step.step}")
        return kind


def _hardware(device: Device) -> dict[str, Any]:
    """Return what an engine built for a device depends on besides software."""
    if device.kind == CPU.kind:
        return {"arch": probe.architecture(), "cpu": list(probe.cpu_features()), "os": platform.system().lower()}
    gpus = probe.this_machine({}, {}).gpus
    gpu = gpus[device.number] if device.number < len(gpus) else None
    return {
        "arch": probe.architecture(),
        "compute_capability": gpu and gpu.compute_capability,
        "gpu": gpu and gpu.name,
        "os": platform.system().lower(),
    }


def obtain(artefact: Artefact) -> Path:
    """Return the folder of an artefact, made now if it is in no cache.

    Raises:
        PrepareError: it cannot be made.
    """
    key = artefact.key
    folders = caches(artefact.folder)
    for folder in folders:
        if is_whole(folder / key):
            return folder / key
    home = _home(folders)
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock(home, key), timeout=_LOCK_SECONDS):
            # Another process may have made it while this one waited.
            if not is_whole(home / key):
                _make(artefact, home, key)
    except Timeout:
        raise PrepareError(f"another process has been preparing {key} for an hour; remove {home / key}.lock") from None
    except OSError as fault:
        raise PrepareError(f"{artefact.title} could not write to {home}: {fault.strerror or fault}") from None
    return home / key


def caches(model_folder: Path) -> list[Path]:
    """Return where artefacts of a model are looked up; ``_home`` tells where they are made."""
    override = os.environ.get(_OVERRIDE)
    if override:
        try:
            # No shell expands what an image or a service file sets.
            # What lies beside a model may have come with it.
            return [Path(override).expanduser(), model_folder / ".cache"]
        except RuntimeError:
            raise PrepareError(f"{_OVERRIDE}={override} names the home of a user that does not exist") from None
    from platformdirs import user_cache_path

    found = [model_folder / ".cache"]
    with suppress(RuntimeError):
        # Nobody may know where the home of this user is.
        found.append(user_cache_path("hpi-plan"))
    return found


def keep(folder: Path, key: str, write: Callable[[Path], None], step: Mapping[str, Any]) -> Path:
    """Put something that no step makes into a model's cache, unless it is there; return its folder.

    Args:
        folder: the model's.
        key: its name: a digest of what it is.
        write: writes its files into a folder.
        step: what its record says that it is.

    Raises:
        PrepareError: no cache can be written.
    """
    from filelock import FileLock

    home = _home(caches(folder))
    with FileLock(_lock(home, key)):
        if is_whole(home / key):
            return home / key
        _move_aside(home, key)
        with tempfile.TemporaryDirectory(prefix=f"{key}.building-", dir=home) as building:
            place = Path(building) / key
            place.mkdir()
            write(place)
            _seal(place, {}, step)
            place.rename(home / key)
    return home / key


def _home(folders: list[Path]) -> Path:
    """Return the first folder that can be written; where somebody names one, nothing is written elsewhere."""
    is_named = bool(os.environ.get(_OVERRIDE))
    folders = folders[:1] if is_named else folders
    home = next((folder for folder in folders if _writable(folder)), None)
    if home is None:
        mend = f"{_OVERRIDE} names it" if is_named else f"{_OVERRIDE} can name another"
        raise PrepareError(f"no folder for prepared artefacts can be written: {', '.join(map(str, folders))}; {mend}")
    return home


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_whole(place: Path) -> bool:
    """Tell whether an artefact is there and undamaged: a folder of its own, with the files that its record lists."""
    files = record_of(place)["files"]
    try:
        return bool(files) and not place.is_symlink() and all(_is(place / name, files[name]) for name in files)
    except OSError:
        return False


def _is(path: Path, wanted: str) -> bool:
    return path.is_file() and digest_file(path) == wanted


def files_of(place: Path, program: str) -> tuple[str, ...]:
    """Return the files of a whole artefact, its program first."""
    return (program, *sorted(name for name in record_of(place)["files"] if name != program))


def record_of(place: Path) -> Mapping[str, Any]:
    """Return what an artefact's record says of it: ``files``, ``found``, ``step``; all empty if it makes no sense."""
    nothing: dict[str, Any] = {"files": {}, "found": {}, "step": {}}
    try:
        told = loads(read_bounded(place / _RECORD)) if (place / _RECORD).is_file() else None
    except (ReadError, JsonError, OSError):
        return nothing
    if not isinstance(told, dict) or not all(isinstance(told.get(key), dict) for key in nothing):
        return nothing
    names = all(is_file_below(name) and isinstance(wanted, str) for name, wanted in told["files"].items())
    return told if names else nothing


def _make(artefact: Artefact, home: Path, key: str) -> None:
    place = home / key
    _move_aside(home, key)
    for left in home.glob(f"{key}.building-*"):
        # We hold the lock, so whoever began this was killed.
        remove(left)
    building = home / f"{key}.building-{os.getpid()}"
    building.mkdir()
    try:
        found = process.run(artefact.job(building), artefact.title, home / f"{key}.log")
        _seal(building, found, write.step(artefact.step))
        building.rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def remove(place: Path) -> None:
    """Remove a file, a folder or a link, whatever is there; what another process took away already is no fault."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with suppress(OSError):
            place.unlink(missing_ok=True)


def _move_aside(home: Path, key: str) -> None:
    """Move what lies in the place of an artefact out of the way, whatever it is: kept for whoever wants to know."""
    place = home / key
    if os.path.lexists(place):
        LOG.info("%s is damaged, and is moved aside and made again", place)
        _quarantine(place, home, key)


def _quarantine(place: Path, home: Path, key: str) -> None:
    place.rename(home / f"{key}.damaged-{os.urandom(4).hex()}")


def _lock(home: Path, key: str) -> Path:
    """Return the place of an artefact's lock: never a link, through which something else would be opened."""
    lock = home / f"{key}.lock"
    if lock.is_symlink() or lock.is_dir():
        _quarantine(lock, home, key)
    return lock


def _seal(folder: Path, found: Mapping[str, Any], step: Mapping[str, Any]) -> None:
    """Write the record of an artefact whose files are all there."""
    files = {path.relative_to(folder).as_posix(): digest_file(path) for path in _files(folder)}
    record = {"files": files, "found": dict(found), "step": dict(step)}
    write_atomic(folder / _RECORD, dumps(record).encode())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
