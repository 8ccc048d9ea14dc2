"""A plan as this runner finds it: read, looked at, and with the place of its models."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from hpi_schemas import backends, hosts
from hpi_schemas.backends import options
from hpi_schemas.canonical import digest
from hpi_schemas.device import Device
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.model_store import ModelStore, is_file_below, is_folder, is_name, official_folders
from hpi_schemas.plan.model import EngineRecord, Graph, ModuleRecord, Plan
from hpi_schemas.plan.read import PlanReadError, read, short
from hpi_schemas.tasks import runnable

from hpi_runtime.bundle import DEPOT
from hpi_runtime.bundle.recognition import is_bundle
from hpi_runtime.errors import PlanError

# What a plan may ask this runner to know.
UNDERSTOOD = frozenset({hosts.FEATURE})


@dataclass(frozen=True)
class LocatedPlan:
    """A plan that this runner can execute, and where its models are found.

    Attributes:
        plan: what it says.
        digest: of its bytes.
        store: finds model folders.
        path: of the plan, None if it came as bytes.
    """

    plan: Plan
    digest: str
    store: ModelStore
    path: Path | None = None

    @property
    def modules(self) -> Mapping[str, ModuleRecord]:
        """Every module's record by address."""
        return self.plan.modules

    def module(self, address: str) -> ModuleRecord:
        """Return the record of a module.

        Raises:
            PlanError: there is none at that address.
        """
        if address not in self.modules:
            raise PlanError(f"the plan has no module {address}; it has:\n{self._listed}")
        return self.modules[address]

    @property
    def _listed(self) -> str:
        return "\n".join(f"  {address}" for address in self.modules)

    @property
    def graph(self) -> Graph:
        """The stage graph.

        Raises:
            PlanError: it has none.
        """
        if self.plan.host is not None:
            raise PlanError(f"PaddleX {self.plan.host.version} runs this plan: `hpi-run` and `load_plan` do that")
        if self.plan.graph is None:
            tasks = {address: record.module_name for address, record in self.modules.items()}
            raise PlanError(f"this plan has no stage graph, and cannot be run as a whole; {runnable(tasks)}")
        return self.plan.graph

    def folders(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield each folder as the plan names it, with the digests of its files."""
        for record in self.modules.values():
            yield record.model.dir, record.model.files
        for item in self.plan.external.values():
            if item.dir is not None:
                yield item.dir, item.files

    @property
    def missing_folder(self) -> str:
        """Which folder that the plan names is not on this machine, in words; empty if none."""
        for reference, _ in self.folders():
            try:
                self.store.resolve(reference)
            except FileNotFoundError as fault:
                return str(fault)
        return ""

    def files(self) -> Iterator[Path]:
        """Yield the plan and the files that it names, as far as they are there."""
        if self.path is not None:
            yield self.path
        for reference, names in self.folders():
            with suppress(FileNotFoundError):
                folder = self.store.resolve(reference)
                yield from (folder / name for name in names)


def load(path: Path, root: Path | None = None, models: Sequence[Path] = (), has_depot: bool = True) -> LocatedPlan:
    """Read a plan from a file.

    Args:
        path: the plan, or a bundle of one.
        root: where relative model folders start; by default the folder of the YAML that
            the plan names, relative to the plan.
        models: folders with official models.
        has_depot: fetch what is not on this machine from the depot that ``HPI_DEPOT`` names.

    Raises:
        PlanError: it is not there, not a plan, or of a format that this reader does not know; or its models are not
            on this machine, nor in the depot that ``HPI_DEPOT`` names.
    """
    if is_bundle(path):
        from hpi_runtime.bundle import opening

        path, own, official = opening.plan_in(opening.opened(path))
        root, models = root or own, (*models, official)
    try:
        text = read_bounded(path)
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    found = replace(parse(text, path.parent, root, models, str(path)), path=path)
    address = os.environ.get(DEPOT) if has_depot else None
    if not address or not found.missing_folder:
        return found
    from hpi_runtime.bundle import depot, opening

    _, start, official = opening.plan_in(depot.fetched(found, address))
    return replace(found, store=ModelStore(start, official_folders((*models, official))))


def parse(text: bytes, folder: Path, root: Path | None, models: Sequence[Path], name: str = "the plan") -> LocatedPlan:
    """Read a plan from its bytes; ``folder`` is where it lies.

    Raises:
        PlanError: it is not a plan, or of a format that this reader does not know.
    """
    try:
        plan = read(text, name, UNDERSTOOD)
    except PlanReadError as fault:
        raise PlanError(str(fault)) from None
    broken = next(chain(_broken_modules(plan), _broken_external(plan)), None)
    if broken is not None:
        raise PlanError(f"{name} is not a valid plan: {broken}")
    return locate(plan, text, root or (folder / (plan.source.file or "pipeline.yaml")).parent, models)


def locate(plan: Plan, text: bytes, root: Path, models: Sequence[Path]) -> LocatedPlan:
    """Return a plan that is known to be sound, with the place of its models.

    Args:
        plan: what it says.
        text: its bytes.
        root: where relative model folders start.
        models: folders with official models.
    """
    return LocatedPlan(plan, digest(text), ModelStore(root, official_folders(models)))


def _broken_modules(plan: Plan) -> Iterator[str]:
    """Yield what in the modules leads out of their folders, or is no engine of a backend that is known here."""
    for address, record in plan.modules.items():
        model = record.model
        if not is_name(address):
            yield f"{short(address)} is no address of a module"
        if not is_folder(model.dir):
            yield f"{short(address)}: {short(model.dir)} is no folder of a model"
        produced = [step.produces for engine in record.engines for step in engine.prepare]
        for file in (*model.files, *produced):
            if not is_file_below(file):
                yield f"{short(address)}: {short(file)} is no file below the model's folder"
        for engine in record.engines:
            yield from (f"{address}: {line}" for line in _broken_engine(engine, record.device))


def _broken_external(plan: Plan) -> Iterator[str]:
    """Yield what beside the modules leads out of its folder."""
    for address, item in plan.external.items():
        if item.dir is not None and not is_folder(item.dir):
            yield f"{short(address)}: {short(item.dir)} is no folder"
        for file in item.files:
            if not is_file_below(file):
                yield f"{short(address)}: {short(file)} is no file below its folder"


def _broken_engine(engine: EngineRecord, device: Device) -> Iterator[str]:
    backend = backends.find(engine.backend)
    if backend is None:
        # What the machine lacks is looked at when it runs.
        return
    if device.kind not in backend.devices:
        yield f"the backend {backend.name} does not run on {device}"
    yield from options.faults(backend, engine.config, device.kind)
