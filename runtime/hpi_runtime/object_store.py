"""Objects of remote stores by their names, such as ``s3://bucket/key``, through fsspec.

Credentials and addresses are the store's own affair: its library reads them from its environment and files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hpi_schemas.packages import missing

# The package that each scheme needs. A closed list, for fsspec also knows schemes that run
# commands on other machines, unpack archives, or name further stores. `memory` is one of this process, for tests.
_PACKAGES = {"gs": "gcsfs", "memory": "fsspec", "s3": "s3fs"}
_MARK, _CHAIN = "://", "::"
# Bytes asked for at a time: between two pieces the time is looked at.
_PIECE = 16 << 20
_PATTERN = frozenset("*?[")


class StoreError(Exception):
    """An object that cannot be had; the message is for people."""


class TooSlowError(StoreError):
    """It took longer than it may."""


class TooLargeError(StoreError):
    """It is larger than it may be."""


class Listing(NamedTuple):
    """What a name means.

    Attributes:
        names: of objects, whole, sorted.
        is_folder: it is what they have in common, and neither one of them nor a pattern.
    """

    names: list[str]
    is_folder: bool


class _Place(NamedTuple):
    scheme: str
    store: Any
    path: str

    def ask(self, what: str, *given: Any, seconds: float | None = None, **named: Any) -> Any:
        """Call a method of the store, which may take so many seconds; None leaves that to the store."""
        if not self.store.async_impl:
            return getattr(self.store, what)(*given, **named)
        from fsspec.asyn import sync

        return sync(self.store.loop, getattr(self.store, f"_{what}"), *given, timeout=seconds, **named)

    def name(self, path: str) -> str:
        """Return the whole name of an object in the same store."""
        return f"{self.scheme}{_MARK}{path.lstrip('/')}"


def is_object(name: str) -> bool:
    """Tell the name of an object by its beginning."""
    scheme, mark, _ = name.partition(_MARK)
    return bool(mark) and scheme.lower() in _PACKAGES


def read(name: str, most: int, seconds: float) -> bytes:
    """Return what is in an object.

    Args:
        name: of it.
        most: bytes.
        seconds: in which it must be here.

    Raises:
        StoreError: it is not there, or cannot be had.
        TooSlowError, TooLargeError: as they say.
    """
    deadline = time.monotonic() + seconds
    with _told(name, seconds):
        place = _place(name)
        size = _size(place, name, seconds)
        if size > most:
            raise TooLargeError(f"{name} has more than {most:,} bytes")
        pieces: list[bytes] = []
        for start in range(0, size, _PIECE):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            pieces.append(place.ask("cat_file", place.path, start=start, end=min(size, start + _PIECE), seconds=left))
    data = b"".join(pieces)
    if len(data) != size:
        raise StoreError(f"{name} changed while it was read")
    return data


def listed(name: str) -> Listing:
    """Return the objects that a name means: itself, those below it as if it were a folder, or those that it matches.

    Raises:
        StoreError: there are none, or they cannot be listed.
    """
    with _told(name):
        place = _place(name)
        facts = _facts(place)
        if facts is not None and facts["type"] == "file":
            return Listing([place.name(place.path)], is_folder=False)
        found = place.ask("find", place.path)
        if found or not _PATTERN & set(place.path):
            return Listing(sorted(map(place.name, found)), is_folder=True)
        matches = place.ask("glob", place.path, detail=True)
    return Listing(
        sorted(place.name(path) for path, facts in matches.items() if facts["type"] == "file"), is_folder=False
    )


def holds(name: str, size: int) -> bool:
    """Tell whether an object is there, and has so many bytes.

    Raises:
        StoreError: that cannot be found out.
    """
    with _told(name):
        place = _place(name)
        facts = _facts(place)
        return facts is not None and facts["size"] == size


def copy(name: str, path: Path, size: int) -> None:
    """Write an object into a new file.

    Args:
        name: of the object.
        path: of the file.
        size: of both.

    Raises:
        StoreError: it is not there, has another size, or cannot be had.
        OSError: the file cannot be written.
    """
    if not holds(name, size):
        raise StoreError(f"{name} is not there, or has not {size:,} bytes")
    with path.open("xb") as stream:
        for start in range(0, size, _PIECE):
            with _told(name):
                place = _place(name)
                piece = place.ask("cat_file", place.path, start=start, end=min(size, start + _PIECE))
            stream.write(piece)


def write(name: str, content: Path | bytes) -> None:
    """Write an object, which is there whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    with _told(name):
        place = _place(name)
        if isinstance(content, bytes):
            place.ask("pipe_file", place.path, content)
        else:
            place.ask("put_file", str(content), place.path)


def _facts(place: _Place) -> Mapping[str, Any] | None:
    """Return what the store tells of a name, None where nothing is."""
    try:
        found: Mapping[str, Any] = place.ask("info", place.path)
        return found
    except FileNotFoundError:
        return None


def _size(place: _Place, name: str, seconds: float | None = None) -> int:
    facts = place.ask("info", place.path, seconds=seconds)
    if facts["type"] != "file":
        raise StoreError(f"{name} is no object")
    return int(facts["size"])


def _place(name: str) -> _Place:
    """Return where an object is.

    Raises:
        StoreError: that is no name of one, or what its store needs is not installed.
    """
    scheme, _, rest = name.partition(_MARK)
    scheme, bucket = scheme.lower(), rest.partition("/")[0]
    if _CHAIN in name or "@" in bucket or (not bucket and scheme != "memory"):
        raise StoreError(f"{name} is no name of an object: such as {scheme}{_MARK}bucket/key, without credentials")
    try:
        import fsspec

        # What was listed before is asked again: others write there.
        store = fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError:
        raise StoreError(f"{name}: {missing(_PACKAGES[scheme])}") from None
    return _Place(scheme, store, f"/{rest}" if scheme == "memory" else rest)


@contextmanager
def _told(name: str, seconds: float = 0.0) -> Iterator[None]:
    """Say of an object why it cannot be had."""
    # Takes long to import; the stores' libraries have done it.
    import asyncio

    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError:
        raise StoreError(f"{name} is not there") from None
    except (TimeoutError, asyncio.TimeoutError):
        # Before Python 3.11 these are two.
        told = f"took more than {seconds:g} seconds" if seconds else "did not answer in time"
        raise TooSlowError(f"{name} {told}") from None
    except Exception as fault:
        # Every store has classes of its own for what went wrong.
        words = (str(fault).splitlines() or [""])[0] or type(fault).__name__
        raise StoreError(f"{name} cannot be had: {words}") from None
