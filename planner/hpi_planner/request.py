"""From what people type to a request for the compiler."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hpi_schemas import backends, hosts
from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.console import CommandError
from hpi_schemas.documents import DocumentError
from hpi_schemas.files import LFS, LFS_POINTER, ReadError, is_folder, read_bounded
from hpi_schemas.model_store import official_folders
from hpi_schemas.plan.model import Source
from hpi_schemas.target import Target, from_json

from hpi_planner.compile import Request
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.models import DiskReader
from hpi_planner.paddlex import builtin_configs, definitions
from hpi_planner.passes.read import MAX_BYTES
from hpi_planner.select import profile
from hpi_planner.select.profile import Evidence
from hpi_planner.syntax.overrides import Override

_TARGETS = Path(__file__).parent / "targets"


class RequestError(CommandError):
    """An argument that names nothing usable; the message is for people."""


class Measured(NamedTuple):
    """A profile as the command line, or a plan, names it."""

    path: Path
    optimize: str = profile.LATENCY
    max_accuracy_drop: float | None = None


def make(
    pipeline: str,
    overrides: tuple[Override, ...] = (),
    target: str | None = None,
    models: Sequence[str] = (),
    root: str | None = None,
    plan_folder: Path | None = None,
    measured: Measured | None = None,
) -> Request:
    """Build a request.

    Args:
        pipeline: the path of a YAML, or the name of a built-in pipeline.
        target: the path of a target file, the name of one that ships with the planner, or None
            for this machine.
        models: folders with official models.
        root: where relative model folders start, by default the folder of the YAML.
        plan_folder: where the plan will lie, by default beside the YAML.
        measured: a profile, and how to decide by it.

    Raises:
        RequestError: the file, the pipeline, the target or the profile is not there or not readable.
    """
    given = tuple(Path(folder) for folder in models)
    for folder in given:
        if not is_folder(folder):
            raise RequestError(f"`--models {folder}` is no folder")
    if root is not None and not is_folder(root):
        raise RequestError(f"`--root {root}` is no folder")
    if pipeline.endswith(".json"):
        raise RequestError(f"{pipeline} is no YAML; `hpi-run` and `load_plan` run a plan, `hpi-plan --check` checks it")
    if not pipeline.endswith((".yaml", ".yml")):
        try:
            data = builtin_configs.text(pipeline).encode()
        except KeyError:
            hint = did_you_mean(pipeline, definitions.names())
            raise RequestError(f"`{pipeline}` is neither a .yaml file nor a built-in pipeline; {hint}") from None
        source, name, folder = Source(builtin=pipeline), f"<builtin {pipeline}>", Path()
    else:
        path = Path(pipeline)
        data = _read(path)
        folder = path.parent
        away = os.path.relpath(path, plan_folder) if plan_folder is not None else path.name
        source, name = Source(file=Path(away).as_posix()), pipeline
    reader = DiskReader(Path(root) if root else folder, given, official_folders(given))
    profile = None if measured is None else _profile(measured, folder if plan_folder is None else plan_folder)
    return Request(source, name, data, _target(target), reader, overrides, profile)


def from_text(text: str, folder: Path, overrides: tuple[Override, ...] = (), models: Sequence[str] = ()) -> Request:
    """Build a request for a YAML that is in no file; relative model folders start at ``folder``."""
    given = tuple(Path(item) for item in models)
    reader = DiskReader(folder, given, official_folders(given))
    return Request(Source(file="pipeline.yaml"), "<text>", text.encode(), this_machine, reader, overrides)


def _profile(measured: Measured, plan_folder: Path) -> Evidence:
    file = Path(os.path.relpath(measured.path, plan_folder)).as_posix()
    try:
        text = read_bounded(measured.path)
        return profile.parse(text, str(measured.path), file, measured.optimize, measured.max_accuracy_drop)
    except (ReadError, DocumentError) as fault:
        raise RequestError(str(fault)) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than the first pass accepts, so that it can tell.
            data = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise RequestError(f"{path} cannot be read: {fault.strerror}") from None
    if data.startswith(LFS_POINTER):
        raise RequestError(f"{path} {LFS}")
    return data


def _target(name: str | None) -> Callable[[], Target]:
    if name is None:
        return this_machine
    path = Path(name)
    if not name.endswith(".json"):
        path = _TARGETS / f"{name}.json"
        known = [item.stem for item in _TARGETS.glob("*.json")]
        if name not in known:
            raise RequestError(f"`{name}` is neither a .json file nor a named target; {did_you_mean(name, known)}")
    try:
        target = from_json(loads(read_bounded(path)))
    except ReadError as fault:
        raise RequestError(str(fault)) from None
    except (JsonError, ValueError) as fault:
        raise RequestError(f"{path} is not a target: {fault}") from None
    return lambda: target


def this_machine() -> Target:
    """Describe this machine with every backend and tool that the planner knows."""
    from hpi_schemas import probe

    return probe.this_machine(backends.packages(), backends.TOOLS, hosts.PACKAGES)
