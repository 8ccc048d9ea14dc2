"""Where the files of bundles stay: once for the user, or for this process alone where nothing can be written."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from hpi_schemas.bundle import MANIFEST
from hpi_schemas.leaving import when_leaving

_BEGUN = ".begun-"
_DAY = 24 * 3600


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of a bundle, which is made the first time.

    Args:
        name: of the folder: a digest of all that is in it.
        make: makes a new folder, whole or not at all, as ``begun`` and a rename do.
    """
    from filelock import FileLock

    place = home() / name
    with FileLock(place.with_name(f"{name}.lock")):
        # Nobody else is at it: whoever began was killed.
        for left in place.parent.glob(f".{name}{_BEGUN}*"):
            shutil.rmtree(left, ignore_errors=True)
        if not (place / MANIFEST).is_file():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
    return place


def begun(folder: Path) -> Path:
    """Return where a folder is made before it gets its name."""
    return folder.with_name(f".{folder.name}{_BEGUN}{os.urandom(4).hex()}")


def sweep(folder: Path) -> None:
    """Remove the files that others began there and never finished: what is older than a day nobody is at."""
    for left in folder.glob(f".*{_BEGUN}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                left.unlink()


def home() -> Path:
    """Return where bundles stay: of this user, or of this process alone."""
    return _users() or _own()


def _users() -> Path | None:
    from platformdirs import user_cache_path

    override = os.environ.get("HPI_CACHE_DIR")
    try:
        place = (Path(override).expanduser() if override else user_cache_path("hpi-plan")) / "bundles"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except (OSError, RuntimeError):
        return None


@cache
def _own() -> Path:
    place = Path(tempfile.mkdtemp(prefix="hpi-bundle-"))
    when_leaving(partial(shutil.rmtree, place, ignore_errors=True))
    return place
