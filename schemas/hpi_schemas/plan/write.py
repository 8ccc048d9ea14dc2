"""From a plan to its bytes: canonical JSON, so that equal plans are equal files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_schemas.canonical import dumps
from hpi_schemas.plan import host, serving
from hpi_schemas.plan.model import (
    EngineRecord,
    External,
    Graph,
    Measurement,
    ModelRecord,
    ModuleRecord,
    Plan,
    PrepareStep,
    ProfileReference,
    RequestedEngine,
    Source,
    Stage,
)
from hpi_schemas.target import Target

MAJOR = 2
FORMAT = f"{MAJOR}.0"


def write(plan: Plan) -> str:
    """Return the text of a plan; ``read`` makes the same plan of it.

    Raises:
        JsonError: a value is none that JSON has.
    """
    return dumps(to_json(plan))


def to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values."""
    found: dict[str, Any] = {
        "external": {address: external(item) for address, item in plan.external.items()},
        "format": FORMAT,
        "graph": None if plan.graph is None else graph(plan.graph),
        "modules": {address: module(item) for address, item in plan.modules.items()},
        "must_understand": list(plan.must_understand),
        "pipeline": {"name": plan.pipeline.name, "settings": _each(plan.pipeline.settings)},
        "rules": plan.rules,
        "source": _source(plan.source),
        "target": _target(plan.target),
    }
    if plan.host is not None:
        found["host"] = host.write(plan.host)
    if plan.serving is not None:
        found["serving"] = serving.write(plan.serving)
    if plan.profile is not None:
        found["profile"] = _measurement(plan.profile)
    return {**found, "replicas": list(plan.replicas)} if plan.replicas else found


def engine(record: EngineRecord, form: str) -> dict[str, Any]:
    """Return an engine as plain JSON values, with its format only where that is not ``form``, the model's."""
    found = {
        "backend": record.backend,
        "config": dict(record.config),
        "prepare": [step(item) for item in record.prepare],
    }
    return found if record.format == form else {**found, "format": record.format}


def step(record: PrepareStep) -> dict[str, Any]:
    """Return a prepare step as plain JSON values."""
    return {**vars(record), "options": dict(record.options)}


def model(record: ModelRecord) -> dict[str, Any]:
    """Return a model as plain JSON values."""
    found: dict[str, Any] = {
        "dir": record.dir,
        "files": dict(record.files),
        "format": record.format,
        "formats": list(record.formats),
        "inputs": {name: [dtype, dims] for name, (dtype, dims) in record.inputs.items()},
        "name": record.name,
        "outputs": [[name, dtype, dims] for name, (dtype, dims) in record.outputs.items()],
    }
    if record.processing is not None:
        found["processing"] = record.processing
    if record.hpi is not None:
        found["hpi"] = record.hpi
    if record.double_lists:
        found["double_lists"] = list(record.double_lists)
    return found


def graph(record: Graph) -> dict[str, Any]:
    """Return a stage graph as plain JSON values."""
    found = {
        "order": list(record.order),
        "outputs": dict(record.outputs),
        "stages": {name: _stage(stage) for name, stage in record.stages.items()},
    }
    return {**found, "drawing": record.drawing} if record.drawing else found


def module(record: ModuleRecord) -> dict[str, Any]:
    """Return a module as plain JSON values."""
    form = record.model.format
    found: dict[str, Any] = {
        "batch_size": record.batch_size,
        "device": str(record.device),
        "engine": {**engine(record.engine, form), "fallback": [engine(item, form) for item in record.fallback]},
        "hpi_config": record.hpi_config,
        "model": model(record.model),
        "module_name": record.module_name,
        "not_chosen": dict(record.not_chosen),
        "origin": {key: str(origin) for key, origin in record.origins.items()},
        "settings": dict(record.settings),
        "use_hpip": record.use_hpip,
    }
    if record.lazy:
        found["lazy"] = True
    if record.profile is not None:
        found["profile"] = _measurement(record.profile)
    if record.session is not None:
        found["session"] = record.session
    if record.requested is not None:
        found["requested"] = _requested(record.requested)
    return found


def _measurement(record: Measurement) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if value is not None and value is not False}


def _requested(record: RequestedEngine) -> dict[str, Any]:
    return dict(vars(record))


def _stage(record: Stage) -> dict[str, Any]:
    inputs = dict(record.inputs)
    if record.each is not None:
        return {"each": graph(record.each), "inputs": inputs}
    if record.op is not None:
        return {"inputs": inputs, "op": record.op, "params": dict(record.params)}
    found: dict[str, Any] = {"inputs": inputs, "module": record.module}
    return {**found, "many": True} if record.many else found


def external(record: External) -> dict[str, Any]:
    """Return an external module as plain JSON values."""
    found = {"kind": record.kind, "model_name": record.model_name}
    return found if record.dir is None else {**found, "dir": record.dir, "files": dict(record.files)}


def _source(record: Source) -> dict[str, Any]:
    kind, name = ("builtin", record.builtin) if record.file is None else ("file", record.file)
    found: dict[str, Any] = {kind: name, "overrides": list(record.overrides)}
    return found if record.profile is None else {**found, "profile": _profile(record.profile)}


def _profile(record: ProfileReference) -> dict[str, Any]:
    return dict(vars(record))


def _target(record: Target) -> dict[str, Any]:
    facts = record.to_json()
    del facts["format"]
    # That no decision asked for a backend is told too.
    return {"backends": {}, **facts}


def _each(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {address: dict(item) for address, item in settings.items()}
