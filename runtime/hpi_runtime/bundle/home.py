"""Where the files of bundles stay: once for the user, or for this process alone where nothing can be written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from hpi_schemas.bundle import MANIFEST
from hpi_schemas.leaving import when_leaving

_BEGUN = ".begun-"


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
