"""Did what really ran equal the plan? Compares the record of a run with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hpi_schemas.backends import THREADS, option_of
from hpi_schemas.canonical import digest
from hpi_schemas.device import Device
from hpi_schemas.model_store import program_files
from hpi_schemas.plan.model import ModuleRecord
from hpi_schemas.run_record import EngineRun, RunRecord, read
from hpi_schemas.target import Target

from hpi_planner.review.plans import ReviewedPlan, place

# What a record must hold where the plan says it; its absence is a difference too.
_EVIDENCE = ("device", "providers", "run_mode")


class Difference(NamedTuple):
    """One way in which a run was not the plan.

    Attributes:
        address: the module, empty for the whole run.
        what: such as ``precision``.
        planned, ran: the two values.
    """

    address: str
    what: str
    planned: Any
    ran: Any


def load(name: str) -> RunRecord:
    """Read the record of a run.

    Raises:
        ReviewError: it is not there.
        DocumentError: it is not a record.
    """
    return read(place(name).read(), name)


def differences(plan: ReviewedPlan, record: RunRecord) -> list[Difference]:
    """Return every way in which a run was not the plan."""
    found = list(_whole(plan, record))
    allowed = _expected(plan, record) | _late(plan, record)
    for address, module in record.modules.items():
        planned = plan.modules.get(address)
        if planned is None or address not in allowed:
            found.append(Difference(address, "engine", "none", module.backend))
        else:
            found.extend(_module(address, planned, module, plan.plan.target))
            found.extend(_replicas(address, planned.device, module, plan.plan.replicas[1:]))
    return found


def _expected(plan: ReviewedPlan, record: RunRecord) -> set[str]:
    """Return the modules that run: those of the graph, or the one that was asked for."""
    if record.module is not None:
        return {record.module}
    if plan.plan.host is not None:
        return set(plan.modules) - _late(plan, record)
    return set() if plan.plan.graph is None else set(plan.plan.graph.modules)


def _late(plan: ReviewedPlan, record: RunRecord) -> set[str]:
    """Return the modules that a host creates when it first needs them, and so perhaps never."""
    if plan.plan.host is None or record.module is not None:
        return set()
    return {address for address, module in plan.modules.items() if module.lazy}


def _whole(plan: ReviewedPlan, record: RunRecord) -> Iterator[Difference]:
    planned = digest(plan.text.encode())
    if record.plan != planned:
        yield Difference("", "plan", planned, record.plan)
    for key in ("os", "arch"):
        wanted, here = (getattr(machine, key) for machine in (plan.plan.target, record.machine))
        if here != wanted:
            yield Difference("", key, wanted, here)
    for address in sorted(_expected(plan, record) - set(record.modules)):
        known = plan.modules.get(address)
        yield Difference(address, "backend", None if known is None else known.engine.backend, None)


def _module(address: str, planned: ModuleRecord, ran: EngineRun, target: Target) -> Iterator[Difference]:
    engine, device = planned.engine, str(planned.device)
    if ran.backend != engine.backend:
        # Another backend has other options; there is nothing more to compare.
        yield Difference(address, "backend", engine.backend, ran.backend)
        return
    version = target.backends.get(ran.backend)
    if ran.version != version:
        yield Difference(address, "version", version, ran.version)
    expected = {**engine.config, "device": device, **_providers(engine.backend, device)}
    actual = ran.actual
    evidence = (*_EVIDENCE, *filter(None, (option_of(engine.backend, THREADS),)))
    for key in (*(key for key in evidence if key in expected), *(key for key in actual if key not in evidence)):
        if key in expected and expected[key] != actual.get(key):
            yield Difference(address, key, expected[key], actual.get(key))
    # Files that a prepare step makes have no digest in the plan; what they are made from has.
    made = [step.produces for step in engine.prepare][-1:]
    programs = made or program_files(planned.model.format, planned.model.files)
    for name in programs:
        wanted = planned.model.files.get(name)
        if name not in ran.files or (not made and ran.files[name] != wanted):
            yield Difference(address, name, wanted, ran.files.get(name))


def _replicas(address: str, planned: Device, ran: EngineRun, numbers: Sequence[int]) -> Iterator[Difference]:
    for number in numbers:
        wanted = str(planned.at(number))
        device = ran.replicas.get(str(number), {}).get("device")
        if device != wanted:
            yield Difference(address, f"the device of replica {number}", wanted, device)


def _providers(backend: str, device: str) -> dict[str, list[str]]:
    """Return what a backend must tell of its providers, as far as it tells any."""
    if device != "cpu":
        return {}
    return {"onnxruntime": {"providers": ["CPUExecutionProvider"]}, "openvino": {"providers": ["CPU"]}}.get(backend, {})
