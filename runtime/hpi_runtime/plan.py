"""Reading a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpi_schemas import backends
from hpi_schemas.backends import options
from hpi_schemas.canonical import JsonError, digest, loads
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.model_store import ModelStore, is_file_below, is_folder, is_name, official_folders
from hpi_schemas.plan_files import no_plan
from hpi_schemas.plan_graph import broken_graph
from hpi_schemas.validate import faults

from hpi_runtime.errors import PlanError

MAJOR = 1
# Of a name in a message, and of names.
_LONGEST, _MOST = 100, 20
# Features of later formats that this reader knows; none yet.
UNDERSTOOD: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """A plan and where its models are found.

    Attributes:
        data: the plan as plain JSON values.
        digest: of its bytes.
        store: finds model folders.
        path: of the plan, None if it came as bytes.
    """

    data: Mapping[str, Any]
    digest: str
    store: ModelStore
    path: Path | None = None

    @property
    def modules(self) -> Mapping[str, Mapping[str, Any]]:
        """Every module's record by address."""
        modules: Mapping[str, Mapping[str, Any]] = self.data["modules"]
        return modules

    @property
    def replicas(self) -> list[int]:
        """The devices that each run a copy of the pipeline; empty where there is but one."""
        return list(self.data.get("replicas", ()))

    def files(self) -> Iterator[Path]:
        """Yield the plan and the files of its models, as far as they are there."""
        if self.path is not None:
            yield self.path
        for record in self.modules.values():
            with suppress(FileNotFoundError):
                folder = self.store.resolve(record["model"]["dir"])
                yield from (folder / name for name in record["model"]["files"])


def device_number(device: str) -> int:
    """Return the number in a plan's ``gpu:1``; 0 without one."""
    return int(device.partition(":")[2] or 0)


def replica_device(device: str, number: int) -> str:
    """Return the device of a replica: ``gpu:1`` where the plan's first is ``gpu:0``."""
    kind = device.partition(":")[0]
    return kind if kind == "cpu" else f"{kind}:{number}"


def load(path: Path, root: Path | None = None, models: Sequence[Path] = ()) -> Plan:
    """Read a plan from a file.

    Args:
        path: the plan.
        root: where relative model folders start; by default the folder of the YAML that
            the plan names, relative to the plan.
        models: folders with official models.

    Raises:
        PlanError: it is not there, not a plan, or of a format that this reader does not know.
    """
    try:
        text = read_bounded(path)
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    return replace(parse(text, path.parent, root, models, str(path)), path=path)


def parse(text: bytes, folder: Path, root: Path | None, models: Sequence[Path], name: str = "the plan") -> Plan:
    """Read a plan from its bytes; ``folder`` is where it lies."""
    try:
        data = loads(text)
    except JsonError as fault:
        raise PlanError(f"{name} is not a plan: {no_plan(name, str(fault))}") from None
    _check_format(data, name)
    found = faults("plan", data)
    if found:
        raise PlanError(f"{name} is not a valid plan:\n" + "\n".join(f"  {line}" for line in found))
    broken = broken_graph(data) or next(_broken_modules(data), None)
    if broken is not None:
        raise PlanError(f"{name} is not a valid plan: {broken}")
    if root is None:
        root = (folder / data["source"].get("file", "pipeline.yaml")).parent
    return Plan(data, digest(text), ModelStore(root, official_folders(models)))


def _broken_modules(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in the modules leads out of their folders, or is no engine of a backend that is known here."""
    for address, record in data["modules"].items():
        model = record["model"]
        if not is_name(address):
            yield f"{_short(address)} is no address of a module"
        if not is_folder(model["dir"]):
            yield f"{_short(address)}: {_short(model['dir'])} is no folder of a model"
        produced = [step["produces"] for engine in _engines(record) for step in engine["prepare"]]
        for file in (*model["files"], *produced):
            if not is_file_below(file):
                yield f"{_short(address)}: {_short(file)} is no file below the model's folder"
        for engine in _engines(record):
            yield from (f"{address}: {line}" for line in _broken_engine(engine, record["device"]))


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _engines(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [record["engine"], *record["engine"].get("fallback", ())]


def _broken_engine(engine: Mapping[str, Any], device: str) -> Iterator[str]:
    backend = backends.load_all().get(engine["backend"])
    if backend is None:
        # What the machine lacks is looked at when it runs.
        return
    kind = device.partition(":")[0]
    if kind not in backend.devices:
        yield f"the backend {backend.name} does not run on {device}"
    yield from options.faults(backend, engine["config"], kind)


def _check_format(data: Any, name: str) -> None:
    version = data.get("format") if isinstance(data, dict) else None
    if not isinstance(version, str):
        raise PlanError(f"{name} is not a plan: it has no `format`")
    if version.partition(".")[0] != str(MAJOR):
        raise PlanError(f"{name} has the format {version}; this hpi-run reads {MAJOR}.x")
    features = data.get("must_understand", [])
    if not isinstance(features, list):
        raise PlanError(f"{name} is not a valid plan: must_understand: {features!r} is not a list")
    unknown = sorted({_short(str(feature)) for feature in features if str(feature) not in UNDERSTOOD})
    if unknown:
        told = ", ".join(unknown[:_MOST]) + (f" and {len(unknown) - _MOST:,} more" if len(unknown) > _MOST else "")
        raise PlanError(f"{name} needs features that this hpi-run does not know: {told}")
