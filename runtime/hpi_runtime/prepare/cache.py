"""The content-addressed cache of prepared artefacts.

An artefact lies in ``<model folder>/.cache/<key>/``, or in the user's cache where the model folder
is read-only. The key covers everything it depends on, so nothing in the cache is ever stale.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_schemas import probe
from hpi_schemas.canonical import JsonError, digest, digest_file, dumps, loads
from hpi_schemas.files import write_atomic

from hpi_runtime.errors import PrepareError

_RECORD = "artefact.json"
KEY_LENGTH = 24
_LOCK_SECONDS = 3600
# Distributions whose versions the result of a tool depends on.
_TOOLS: Mapping[str, tuple[str, ...]] = {"paddle2onnx": ("paddle2onnx", "paddlepaddle")}


@dataclass(frozen=True)
class Artefact:
    """What a prepare step makes, and from what.

    Attributes:
        step: the plan's record of the step.
        source: the folder of the files it starts from.
        files: their names, program first.
        digests: of those files.
        folder: the model's folder, where the cache lies.
    """

    step: Mapping[str, Any]
    source: Path
    files: tuple[str, ...]
    digests: Mapping[str, str]
    folder: Path

    @property
    def key(self) -> str:
        """Return the name of the artefact: a digest of everything it depends on."""
        versions = {name: probe.installed((name,)) for name in _TOOLS.get(self.step["tool"], ())}
        digests = dict(self.digests) or {name: digest_file(self.source / name) for name in self.files}
        facts = {"step": dict(self.step), "versions": versions, "files": digests}
        return digest(dumps(facts).encode()).removeprefix("sha256:")[:KEY_LENGTH]


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
    home = next((folder for folder in folders if _writable(folder)), None)
    if home is None:
        raise PrepareError(f"none of {', '.join(map(str, folders))} can be written; set HPI_CACHE_DIR")
    from filelock import FileLock, Timeout

    try:
        with FileLock(home / f"{key}.lock", timeout=_LOCK_SECONDS):
            if not is_whole(home / key):
                _make(artefact, home, key)
    except Timeout:
        raise PrepareError(f"another process has been preparing {key} for an hour; remove {home / key}.lock") from None
    return home / key


def caches(model_folder: Path) -> list[Path]:
    """Return where artefacts of a model are looked up, the first that can be written is where they are made."""
    override = os.environ.get("HPI_CACHE_DIR")
    if override:
        return [Path(override)]
    from platformdirs import user_cache_path

    return [model_folder / ".cache", user_cache_path("hpi-plan")]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_whole(place: Path) -> bool:
    """Tell whether an artefact is there and undamaged."""
    try:
        files = record_of(place)["files"]
        return bool(files) and all(digest_file(place / name) == wanted for name, wanted in files.items())
    except (OSError, KeyError, TypeError, AttributeError):
        return False


def record_of(place: Path) -> Mapping[str, Any]:
    """Return what an artefact's record says of it, empty if it has none that can be read."""
    try:
        found = loads((place / _RECORD).read_bytes())
    except (OSError, JsonError):
        return {}
    return found if isinstance(found, dict) else {}


def _make(artefact: Artefact, home: Path, key: str) -> None:
    place = home / key
    if place.exists():
        # Damaged: kept for whoever wants to know, out of the way of everybody else.
        place.rename(tempfile.mkdtemp(prefix=f"{key}.damaged-", dir=home))
    building = home / f"{key}.building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    log = home / f"{key}.log"
    try:
        _run_child(artefact, building, log)
        produced = building / artefact.step["produces"]
        if not produced.is_file():
            raise PrepareError(f"{artefact.step['step']} made no {produced.name}; its log is {log}")
        record = {"files": {produced.name: digest_file(produced)}, "step": dict(artefact.step)}
        write_atomic(building / _RECORD, dumps(record).encode())
        building.rename(place)
    except OSError as fault:
        raise PrepareError(f"{artefact.step['step']} could not write to {home}: {fault.strerror}") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _run_child(artefact: Artefact, building: Path, log: Path) -> None:
    """Run the step's tool in a process of its own: converters crash, exit and print as they like."""
    name = artefact.step["step"]
    module = f"{__package__}.{name}"
    if importlib.util.find_spec(module) is None:
        raise PrepareError(f"this hpi-run does not know the prepare step {name}")
    options = dumps(artefact.step["options"])
    command = [sys.executable, "-m", module, str(building / artefact.step["produces"]), options]
    command += [str((artefact.source / file).absolute()) for file in artefact.files]
    with log.open("wb") as stream, _progress(f"{name}: {artefact.folder.name} with {artefact.step['tool']}"):
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 (our own module)
    if done.returncode != 0:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
        raise PrepareError(
            f"{name} of {artefact.folder} failed with exit code {done.returncode}"
            f"{': ' + last[0] if last else ''}; its log is {log}. "
            "A backend that reads Paddle models needs no conversion: hpi_config: {backend: paddle}"
        )


def _progress(text: str) -> Any:
    """Show that a build goes on: a spinner on a terminal, one line elsewhere."""
    if not sys.stderr.isatty():
        sys.stderr.write(f"hpi-run: {text}\n")
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)
