"""Samples of a model's input, which quantisation learns the reach of numbers from; they lie in the model's cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from hpi_schemas.canonical import digest

from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare.cache import KEY_LENGTH, caches, is_whole, keep, record_of

FILE = "samples.npy"
_STEP = {"step": "calibration"}

Array = np.ndarray[Any, Any]


def store(folder: Path, samples: Sequence[Array]) -> str:
    """Keep samples in the cache of a model and return their digest: the same samples, the same digest.

    Args:
        folder: the model's.
        samples: arrays as the engine gets them.

    Raises:
        PrepareError: no cache can be written.
    """
    stream = BytesIO()
    write_arrays(stream, samples)
    data = stream.getvalue()
    found = digest(data)

    def write(place: Path) -> None:
        (place / FILE).write_bytes(data)

    keep(folder, key(found), write, _STEP)
    return found


def load(folder: Path, wanted: str) -> Iterator[Array]:
    """Yield the samples with a digest.

    Args:
        folder: the model's.
        wanted: their digest.

    Raises:
        PrepareError: they are in no cache of the model.
    """
    places = [cache / key(wanted) for cache in caches(folder)]
    place = next((item for item in places if is_whole(item) and record_of(item)["files"].get(FILE) == wanted), None)
    if place is None:
        raise PrepareError(
            f"the samples {wanted} are in no cache of {folder}; copy {places[0]} from where `hpi-bench` collected them"
        )
    yield from read_arrays(place / FILE)


def write_arrays(stream: IO[bytes], arrays: Iterable[Array]) -> None:
    """Write arrays one behind the other, in NumPy's format."""
    for array in arrays:
        np.save(stream, array, allow_pickle=False)


def read_arrays(path: Path) -> Iterator[Array]:
    """Yield arrays that stand in a file one behind the other, in NumPy's format."""
    with path.open("rb") as stream:
        size = path.stat().st_size
        while stream.tell() < size:
            yield np.load(stream, allow_pickle=False)


def key(samples: str) -> str:
    """Return the name under which samples with a digest lie in a cache."""
    return samples.removeprefix("sha256:")[:KEY_LENGTH]
