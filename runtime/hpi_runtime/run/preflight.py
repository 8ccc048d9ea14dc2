"""Does this machine satisfy the plan? Everything is checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hpi_schemas import ops, probe, tasks
from hpi_schemas.canonical import digest_file
from hpi_schemas.device import CPU, Device
from hpi_schemas.files import is_lfs_pointer
from hpi_schemas.model_inputs import ModelFileError, read_header
from hpi_schemas.model_store import CONFIG_FILE, ONNX_FILE
from hpi_schemas.packages import install
from hpi_schemas.plan.model import EngineRecord, Graph, ModuleRecord
from hpi_schemas.target import Target

from hpi_runtime import engines
from hpi_runtime.errors import PreflightError
from hpi_runtime.prepare import steps
from hpi_runtime.run.executor import no_threads
from hpi_runtime.run.folders import named
from hpi_runtime.run.plan import LocatedPlan

# Failures that are told.
_MOST = 20


def check_folder(plan: LocatedPlan, address: str) -> Path | None:
    """Return the folder of a model that no engine of ours runs, None where the plan names none.

    Raises:
        PreflightError: it is not there, or a file in it is another one.
    """
    record = plan.plan.external[address]
    if record.dir is None:
        return None
    failures: list[str] = []
    folder = _folder(plan, address, record.dir, record.files, failures)
    _raise(failures)
    return folder


def check(
    plan: LocatedPlan, addresses: Iterable[str], strict: bool = False, graph: Graph | None = None
) -> tuple[dict[str, Path], list[str]]:
    """Check the machine and the models of these modules against the plan.

    Args:
        plan: what was promised.
        addresses: the modules that will run.
        strict: another version of a backend than the plan's is a failure too.
        graph: whose operations will run, None for none.

    Returns:
        The folder of each module's model, and of what operations read, by address; and warnings.

    Raises:
        PreflightError: lists all that differs.
    """
    wanted = list(addresses)
    failures: list[str] = []
    warnings: list[str] = []
    _machine(plan.plan.target, failures)
    folders = _models(plan, wanted, failures)
    planned = plan.plan.target.backends
    for backend in sorted({plan.modules[address].engine.backend for address in wanted}):
        _version(backend, planned.get(backend), failures, failures if strict else warnings)
    named = {plan.modules[address].device for address in wanted}
    copies = {device.at(number) for device in named for number in plan.plan.replicas}
    for device in sorted(named | copies, key=str):
        _device(device, failures)
    failures += sorted({line for address in wanted for line in _tools(plan.modules[address].engine)})
    if graph is not None:
        failures += sorted(set(_packages(graph, plan.modules)))
        folders |= _read_by_ops(plan, graph, failures)
    _raise(failures)
    return folders, warnings


def _read_by_ops(plan: LocatedPlan, graph: Graph, failures: list[str]) -> dict[str, Path]:
    """Return the folders that operations read, by address."""
    found: dict[str, Path] = {}
    for address in dict.fromkeys(address for _, address in named(graph) if address is not None):
        record = plan.plan.external[address]
        folder = None if record.dir is None else _folder(plan, address, record.dir, record.files, failures)
        if folder is not None:
            found[address] = folder
    return found


def _raise(failures: list[str]) -> None:
    if len(failures) > _MOST:
        failures[_MOST:] = [f"and {len(failures) - _MOST:,} more"]
    if failures:
        raise PreflightError("this machine does not satisfy the plan:\n" + "\n".join(f"  {line}" for line in failures))


def _tools(engine: EngineRecord) -> Iterator[str]:
    """Yield what is not installed of what prepare steps need, the backend itself apart."""
    backend = engines.find(engine.backend)
    for step in engine.prepare:
        kind = steps.find(step.step)
        if kind is None:
            yield f"this hpi-run does not know the prepare step {step.step}"
            continue
        for tool in kind.TOOLS:
            is_backend = backend is not None and backend.distributions == tool.distributions
            if not is_backend and probe.installed(tool.distributions) is None:
                yield f"{tool.distributions[0]} is not installed: {install(tool.extra)}"


def _packages(graph: Graph, modules: Mapping[str, ModuleRecord]) -> Iterator[str]:
    """Yield what is not installed of what operations and tasks need."""
    for stage in graph.stages.values():
        if stage.each is not None:
            yield from _packages(stage.each, modules)
        name = stage.op if stage.module is None else modules[stage.module].module_name
        contract = None if name is None else ops.find(name) if stage.module is None else tasks.find(name)
        needs = None if contract is None else contract.needs
        if needs is not None and probe.installed(needs.distributions) is None:
            yield f"{needs.distributions[0]} is not installed, which {name} needs: {install(needs.extra)}"


def _machine(target: Target, failures: list[str]) -> None:
    import platform

    facts = (
        ("operating system", target.os, platform.system().lower()),
        ("architecture", target.arch, probe.architecture()),
    )
    failures += [f"the plan is for the {name} {want}; this is {here}" for name, want, here in facts if want != here]


def _device(device: Device, failures: list[str]) -> None:
    if device == CPU:
        return
    here = probe.this_machine({}, {})
    count = {"gpu": len(here.gpus), "npu": here.npus}.get(device.kind, 0)
    if device.number >= count:
        failures.append(f"the plan runs on {device}; this machine has {count or 'no'} {device.kind}s")


def _version(backend: str, planned: str | None, failures: list[str], differing: list[str]) -> None:
    engine = engines.find(backend)
    if engine is None:
        failures.append(f"the backend {backend} is not known to this hpi-run")
        return
    here = probe.installed(engine.distributions)
    if here is None:
        failures.append(f"the backend {backend} is not installed: {install(engine.extra)}")
    elif planned is not None and here != planned:
        differing.append(f"the plan was made for {backend} {planned}; here is {here}")


def _models(plan: LocatedPlan, addresses: Sequence[str], failures: list[str]) -> dict[str, Path]:
    """Return the folder of each model that is as planned, by address."""
    told: dict[str, list[str]] = {address: [] for address in addresses}
    # Making digests leaves the interpreter to others.
    with ThreadPoolExecutor(max(1, min(len(told), probe.usable_cores()))) as pool:
        try:
            folders = pool.map(lambda address: _model(plan, address, told[address]), told)
        except RuntimeError as fault:
            raise no_threads(fault) from None
        found = dict(zip(told, folders, strict=True))
    failures += [line for lines in told.values() for line in lines]
    return {address: folder for address, folder in found.items() if folder is not None}


def _model(plan: LocatedPlan, address: str, failures: list[str]) -> Path | None:
    record = plan.modules[address].model
    before = len(failures)
    folder = _folder(plan, address, record.dir, record.files, failures)
    if folder is not None and len(failures) == before and ONNX_FILE in record.files:
        failures += _unplanned(address, folder / ONNX_FILE, record.files)
    return folder


def _folder(
    plan: LocatedPlan, address: str, reference: str, files: Mapping[str, str], failures: list[str]
) -> Path | None:
    """Return the folder of a model, None if it is not there; files that are not the planned ones are failures."""
    try:
        folder = plan.store.resolve(reference)
    except FileNotFoundError as fault:
        failures.append(f"{address}: {fault}; say where with --root or --models")
        return None
    for name, planned in files.items():
        if (folder / name).exists() and not (folder / name).is_file():
            failures.append(f"{address}: {folder / name} is not a file")
            continue
        try:
            here = digest_file(folder / name)
        except OSError as fault:
            hint = " (PaddleX writes it beside the model when it exports)" if name == CONFIG_FILE else ""
            failures.append(f"{address}: {folder / name} cannot be read: {fault.strerror}{hint}")
            continue
        if here != planned:
            failures.append(
                f"{address}: {folder / name} is not the file that was planned{_digests(folder, name, here, planned)}"
            )
    return folder


def _digests(folder: Path, name: str, here: str, planned: str) -> str:
    """Return both digests for a message; that of a file elsewhere is nobody's business who wrote the plan."""
    if is_lfs_pointer(folder / name):
        return ": it is a pointer of Git LFS, and `git lfs pull` brings the file itself"
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        return f" (planned: {planned})"
    return f" ({here}, not {planned})"


def _unplanned(address: str, model: Path, files: Mapping[str, str]) -> list[str]:
    """Return a failure for each file that an ONNX model would have its engine read, and the plan does not list."""
    try:
        external = read_header(model).external
    except ModelFileError as fault:
        return [f"{address}: {fault}"]
    return [
        f"{address}: {model} reads {name}, whose digest the plan does not have"
        for name in external
        if name not in files
    ]
