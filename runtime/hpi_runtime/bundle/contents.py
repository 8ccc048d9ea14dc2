"""What a plan needs to run: what goes into a bundle of it, or into a depot."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from hpi_schemas import ops, tasks
from hpi_schemas.bundle import LOCK, PLAN, File, Manifest, place, root
from hpi_schemas.canonical import digest, digest_file
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.packages import RUN
from hpi_schemas.plan.model import Graph, ModuleRecord

from hpi_runtime import prepare
from hpi_runtime.bundle import packages
from hpi_runtime.errors import PlanError
from hpi_runtime.prepare import cache, inventory
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check, check_folder

# The extras that bring what a backend runs with, as far as they are on an index.
_EXTRAS = {"onnxruntime": "cpu", "openvino": "cpu", "paddle": "paddle", "tensorrt": "tensorrt"}
_ARTEFACTS = ".cache"


class Contents(NamedTuple):
    """What goes into a bundle, or a depot.

    Attributes:
        manifest: what it is.
        files: where each file lies.
        texts: of those that lie nowhere.
    """

    manifest: Manifest
    files: Mapping[str, Path]
    texts: Mapping[str, str]

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file to read from."""
        if name in self.texts:
            yield io.BytesIO(self.texts[name].encode())
        else:
            with self.files[name].open("rb") as stream:
                yield stream


def gather(
    plan: LocatedPlan, has_artefacts: bool = True, lock: Path | None = None, extras: Sequence[str] = ()
) -> Contents:
    """Return what a plan needs to run.

    Args:
        plan: read from a file.
        has_artefacts: prepare what the plan needs, and take it along.
        lock: requirements with hashes, to take those of what is installed along.
        extras: of hpi-plan, whose packages go along beside those that the plan needs.

    Raises:
        PlanError: the plan cannot be bundled, or the lock does not fit.
        PreflightError: a model is not the plan's, or this machine cannot prepare it.
        PrepareError: a step failed.
        OSError: a file cannot be read.
    """
    assert plan.path is not None
    references = [record.model.dir for record in plan.modules.values()]
    references += [item.dir for item in plan.plan.external.values() if item.dir is not None]
    start = root(references)
    files = {PLAN: plan.path}
    # What nothing is prepared for may be made anywhere.
    folders = check(plan, plan.modules)[0] if has_artefacts else {}
    for address, record in plan.modules.items():
        folder = folders.get(address) or _folder(plan, record)
        own = place(record.model.dir, start)
        files |= {f"{own}/{name}": folder / name for name in record.model.files}
    for address, item in plan.plan.external.items():
        beside = check_folder(plan, address)
        if item.dir is not None and beside is not None:
            files |= {f"{place(item.dir, start)}/{name}": beside / name for name in item.files}
    keys = _prepared(plan, folders, start, files) if has_artefacts else []
    wanted = packages.versions({*_extras(plan), *extras})
    texts = {LOCK: packages.pinned(wanted) if lock is None else packages.locked(_text(lock), wanted)}
    listed = {name: File(digest_file(path), path.stat().st_size) for name, path in files.items()}
    listed |= {name: File(digest(text.encode()), len(text.encode())) for name, text in texts.items()}
    if listed[PLAN].digest != plan.digest:
        raise PlanError(f"{plan.path} changed while it was read")
    manifest = Manifest(plan.digest, start, dict(sorted(listed.items())), keys, wanted)
    return Contents(manifest, files, texts)


def _folder(plan: LocatedPlan, record: ModuleRecord) -> Path:
    try:
        folder = plan.store.resolve(record.model.dir)
    except FileNotFoundError as fault:
        raise PlanError(str(fault)) from None
    for name, wanted in record.model.files.items():
        path = folder / name
        if not path.is_file() or digest_file(path) != wanted:
            raise PlanError(f"{path} is not the file of the plan")
    return folder


def _prepared(plan: LocatedPlan, folders: dict[str, Path], start: str, files: dict[str, Path]) -> list[str]:
    """Prepare what engines load, add its files, and return the keys; of fallbacks what is there already."""
    keys: set[str] = set()
    for address, record in plan.modules.items():
        prepare.engine_files(record.model, record.engine, folders[address], record.device)
    needed = inventory.needed(plan)
    for address, record in plan.modules.items():
        for home in cache.caches(folders[address]):
            for key in sorted(needed - keys):
                if cache.is_whole(home / key):
                    keys.add(key)
                    own = f"{place(record.model.dir, start)}/{_ARTEFACTS}/{key}"
                    files |= {f"{own}/{name}": home / key / name for name in _names(home / key)}
    return sorted(keys)


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _extras(plan: LocatedPlan) -> set[str]:
    found = {RUN}
    for record in plan.modules.values():
        found |= {_EXTRAS[engine.backend] for engine in record.engines if engine.backend in _EXTRAS}
        contract = tasks.find(record.module_name)
        found |= {contract.needs.extra} if contract is not None and contract.needs is not None else set()
    if plan.plan.graph is not None:
        found |= set(_of_ops(plan.plan.graph))
    return found


def _of_ops(graph: Graph) -> Iterator[str]:
    for stage in graph.stages.values():
        if stage.each is not None:
            yield from _of_ops(stage.each)
        contract = None if stage.op is None else ops.find(stage.op)
        if contract is not None and contract.needs is not None:
            yield contract.needs.extra


def _text(lock: Path) -> str:
    with suppress(UnicodeDecodeError):
        try:
            return read_bounded(lock).decode()
        except ReadError as fault:
            raise PlanError(f"--lock: {fault}") from None
    raise PlanError(f"--lock {lock} is no text")
