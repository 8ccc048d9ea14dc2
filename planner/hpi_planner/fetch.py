"""Fetching official models from the hub that PaddleX fetches them from, into a folder in which they are looked up.

Only when somebody asks for it. A model comes into a folder of its own beside the others, and gets its name when it is
whole: an interruption leaves nothing that could be taken for a model, and the next attempt goes on where it stopped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_schemas.canonical import digest_file
from hpi_schemas.console import CommandError
from hpi_schemas.files import OutputError, make_folder
from hpi_schemas.model_store import is_name

from hpi_planner import knowledge
from hpi_planner.compile import Request, compile
from hpi_planner.paddlex import engine_names

# As PaddleX 3.7.2 calls the repository of a model (paddlex/inference/utils/official_models.py).
_OWNER = "PaddlePaddle"
# What the hub's library keeps of its own beside the files.
_OWN = ".cache"


class FetchError(CommandError):
    """A model that cannot be had; the message is for people."""


@dataclass(frozen=True)
class Fetched:
    """A model that came.

    Attributes:
        name: of the model.
        folder: that holds it.
        files: the digest of each file, by its path in the folder.
        bytes: of all files.
    """

    name: str
    folder: Path
    files: dict[str, str]
    bytes: int


def wanted(request: Request, folders: Sequence[Path]) -> list[str]:
    """Return the official models that a pipeline takes and that are in none of these folders, in its modules' order.

    Of a pipeline that cannot be read, there are those of the modules that can; compiling it says what is wrong.
    """
    ir = compile(request, "inherit")
    names = (item.model_name for item in ir.modules if item.model_dir is None and engine_names.ours(item.model_name))
    known = [name for name in dict.fromkeys(names) if is_name(name) and knowledge.module_of(name) is not None]
    return [name for name in known if not any((folder / name).is_dir() for folder in folders)]


def fetch(
    names: Sequence[str], folder: Path, begins: Callable[[str], None], has_bars: bool = False
) -> Iterator[Fetched]:
    """Fetch models one after the other.

    The library's own variables count: ``HF_ENDPOINT`` for a mirror, ``HF_TOKEN``, ``HF_HUB_DOWNLOAD_TIMEOUT``, proxies.

    Args:
        names: of the models.
        folder: gets a folder for each, named after it.
        begins: is told the name of each before it is fetched.
        has_bars: the hub's library draws on stderr how far it is.

    Raises:
        FetchError: one cannot be had; those before it are there.
    """
    try:
        make_folder(folder)
    except OutputError as fault:
        raise FetchError(str(fault)) from None
    for name in names:
        with _locked(folder / f".{name}.lock"):
            if (folder / name).is_dir():
                # Another process has fetched it meanwhile.
                continue
            begins(name)
            yield _one(name, folder, has_bars)


def _one(name: str, folder: Path, has_bars: bool) -> Fetched:
    place = folder / f".{name}.fetching"
    _snapshot(f"{_OWNER}/{name}", place, has_bars)
    shutil.rmtree(place / _OWN, ignore_errors=True)
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    files = {path.relative_to(place).as_posix(): digest_file(path) for path in paths}
    size = sum(path.stat().st_size for path in paths)
    if not files:
        raise FetchError(f"{_OWNER}/{name} has no files")
    place.replace(folder / name)
    return Fetched(name, folder / name, files, size)


def _snapshot(repository: str, place: Path, has_bars: bool) -> None:
    """Fetch all files of a repository, as far as they are not there."""
    hub: Any = _hub()
    if not has_bars:
        hub.utils.disable_progress_bars()
    try:
        hub.snapshot_download(repository, local_dir=place)
    except hub.errors.RepositoryNotFoundError:
        raise FetchError(f"{_endpoint(hub)} has no {repository}, or wants a token (HF_TOKEN) for it") from None
    except hub.errors.LocalEntryNotFoundError:
        told = "it cannot be reached; HF_ENDPOINT names a mirror, and HTTPS_PROXY a proxy"
        raise FetchError(f"{repository} cannot be fetched from {_endpoint(hub)}: {told}") from None
    except OSError as fault:
        # Full disks and broken connections, and what the library makes of statuses.
        reason = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise FetchError(f"{repository} cannot be fetched from {_endpoint(hub)}: {reason}") from None


def _endpoint(hub: Any) -> str:
    return str(hub.constants.ENDPOINT)


def _hub() -> Any:
    # It announces itself and what it measures otherwise.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.constants
    import huggingface_hub.errors
    import huggingface_hub.utils

    return huggingface_hub


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time fetch a model."""
    from filelock import FileLock

    try:
        with FileLock(path):
            yield
    except OSError as fault:
        raise FetchError(f"{path.parent} cannot be written: {fault.strerror}") from None
