"""From bytes to a plan, or to what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from hpi_schemas import device, target, tasks
from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.console import CommandError
from hpi_schemas.plan import host, origin, serving
from hpi_schemas.plan.graph import broken
from hpi_schemas.plan.model import (
    EngineRecord,
    External,
    Graph,
    Measurement,
    ModelRecord,
    ModuleRecord,
    PipelineRecord,
    Plan,
    PrepareStep,
    ProfileReference,
    RequestedEngine,
    Source,
    Stage,
)
from hpi_schemas.plan.write import MAJOR
from hpi_schemas.tasks.check import setting_faults

_YAML = (".yaml", ".yml")
# Of a name in a message, and of names.
_LONGEST, _MOST = 100, 20


class PlanReadError(CommandError):
    """Bytes that are no plan which this version reads; the message is for people."""


def read(text: bytes, name: str, understood: frozenset[str] | None = None) -> Plan:
    """Read a plan from its bytes.

    Args:
        text: the bytes.
        name: for messages.
        understood: the features that whoever executes it knows; None for those who only look at it.

    Raises:
        PlanReadError: it is none, of another format, or needs features that are not understood.
    """
    return from_json(load(text, name), name, understood)


def load(text: bytes, name: str) -> Any:
    """Return the plain JSON values of what should be a plan.

    Raises:
        PlanReadError: it is no JSON.
    """
    try:
        return loads(text)
    except JsonError as fault:
        mend = f"it is a YAML; `hpi-plan {name} --output plan.json` makes a plan of it"
        raise PlanReadError(f"{name} is not a plan: {mend if name.endswith(_YAML) else fault}") from None


def from_json(data: Any, name: str, understood: frozenset[str] | None = None) -> Plan:
    """Read a plan from plain JSON values, as ``read`` does; keys that this format does not have are passed over.

    Raises:
        PlanReadError: as for ``read``.
    """
    _check_format(data, name)
    if understood is not None:
        _check_features(data.get("must_understand", []), name, understood)
    from hpi_schemas.validate import faults

    found = faults("plan", data)
    if found:
        raise PlanReadError(f"{name} is not a valid plan:\n" + "\n".join(f"  {line}" for line in found))
    try:
        plan = _plan(data)
        reason = broken(plan) or _stranger(plan) or _unfit(plan)
    except ValueError as fault:
        raise PlanReadError(f"{name} is not a valid plan: {fault}") from None
    except RecursionError:
        raise PlanReadError(f"{name} is not a valid plan: it is nested too deeply") from None
    if reason is not None:
        raise PlanReadError(f"{name} is not a valid plan: {reason}")
    return plan


def engine(data: Mapping[str, Any], form: str) -> EngineRecord:
    """Read an engine; ``form`` is the format of the module's model."""
    return EngineRecord(
        backend=data["backend"],
        config=data["config"],
        prepare=tuple(step(item) for item in data["prepare"]),
        format=data.get("format", form),
    )


def step(data: Mapping[str, Any]) -> PrepareStep:
    """Read a prepare step."""
    return PrepareStep(data["step"], data["tool"], data["options"], data["produces"])


def model(data: Mapping[str, Any]) -> ModelRecord:
    """Read a model."""
    return ModelRecord(
        dir=data["dir"],
        name=data["name"],
        format=data["format"],
        formats=tuple(data["formats"]),
        files=data["files"],
        inputs={name: (dtype, dims) for name, (dtype, dims) in data["inputs"].items()},
        outputs={name: (dtype, dims) for name, dtype, dims in data["outputs"]},
        processing=data.get("processing"),
        hpi=data.get("hpi"),
        double_lists=tuple(data.get("double_lists", ())),
    )


def _check_format(data: Any, name: str) -> None:
    version = data.get("format") if isinstance(data, dict) else None
    if not isinstance(version, str):
        raise PlanReadError(f"{name} is not a plan: it has no `format`")
    major = version.partition(".")[0]
    if major == str(MAJOR):
        return
    mend = "a newer hpi-plan has written it, and reads it"
    if major.isdecimal() and int(major) < MAJOR:
        source = data.get("source")
        known = source if isinstance(source, dict) else {}
        made_from = known.get("file") or known.get("builtin")
        # Somebody may type it: what a stranger's plan says must be one word then.
        word = quote(made_from) if isinstance(made_from, str) else "PIPELINE.yaml"
        mend = f"`hpi-plan {word} --output {quote(name)}` makes it anew"
    raise PlanReadError(f"{name} has the format {version[:20]}; this version reads {MAJOR}.x: {mend}")


def _check_features(features: Any, name: str, understood: frozenset[str]) -> None:
    """Before anything else is looked at: what such a plan has may be anything."""
    if not isinstance(features, list):
        raise PlanReadError(f"{name} is not a valid plan: must_understand: {short(str(features))[1:-1]} is not a list")
    unknown = sorted({short(str(feature)) for feature in features if str(feature) not in understood})
    if unknown:
        told = ", ".join(unknown[:_MOST]) + (f" and {len(unknown) - _MOST:,} more" if len(unknown) > _MOST else "")
        raise PlanReadError(f"{name} needs features that this hpi-run does not know: {told}")


def short(text: str) -> str:
    """Return a text of a plan for a message, quoted and cut."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _plan(data: Mapping[str, Any]) -> Plan:
    pipeline = data["pipeline"]
    return Plan(
        pipeline=PipelineRecord(pipeline["name"], pipeline["settings"]),
        source=_source(data["source"]),
        target=target.from_json(data["target"]),
        rules=data["rules"],
        modules={address: _module(item) for address, item in data["modules"].items()},
        graph=None if data["graph"] is None else _graph(data["graph"]),
        external={address: _external(item) for address, item in data["external"].items()},
        host=None if "host" not in data else host.read(data["host"]),
        serving=None if "serving" not in data else serving.read(data["serving"]),
        replicas=tuple(data.get("replicas", ())),
        must_understand=tuple(data["must_understand"]),
        profile=None if "profile" not in data else _measurement(data["profile"]),
    )


def _stranger(plan: Plan) -> str | None:
    """Return what a module shares with one that is not its like, None if all is well."""
    for address, record in plan.modules.items():
        if record.session is None:
            continue
        owner = plan.modules.get(record.session)
        if owner is None or owner.session is not None:
            return f"{short(address)} uses the session of {short(record.session)}, which has none of its own"
        if (owner.engines, owner.device) != (record.engines, record.device):
            return f"{short(address)} uses the session of {short(record.session)}, which has another engine"
        if any(owner.model.files.get(name) != digest for name, digest in record.model.files.items()):
            return f"{short(address)} uses the session of {short(record.session)}, which has another model"
    return None


def _unfit(plan: Plan) -> str | None:
    """Return which setting its task does not have so, None if all are well."""
    for address, record in plan.modules.items():
        contract = tasks.find(record.module_name)
        for name, told in () if contract is None else setting_faults(contract, record.settings):
            return f"modules.{address}.settings.{name}: {told}"
    return None


def _external(data: Mapping[str, Any]) -> External:
    return External(data["kind"], data["model_name"], data.get("dir"), data.get("files", {}))


def _source(data: Mapping[str, Any]) -> Source:
    profile = data.get("profile")
    return Source(
        file=data.get("file"),
        builtin=data.get("builtin"),
        overrides=tuple(data["overrides"]),
        profile=None if profile is None else _profile(profile),
    )


def _profile(data: Mapping[str, Any]) -> ProfileReference:
    return ProfileReference(data["file"], data["digest"], data["optimize"], data["max_accuracy_drop"])


def _module(data: Mapping[str, Any]) -> ModuleRecord:
    form = data["model"]["format"]
    profile, requested = data.get("profile"), data.get("requested")
    return ModuleRecord(
        module_name=data["module_name"],
        model=model(data["model"]),
        device=device.parse(data["device"]),
        engine=engine(data["engine"], form),
        batch_size=data["batch_size"],
        settings=data["settings"],
        use_hpip=data["use_hpip"],
        hpi_config=data["hpi_config"],
        fallback=tuple(engine(item, form) for item in data["engine"]["fallback"]),
        not_chosen=data["not_chosen"],
        origins={key: origin.parse(text) for key, text in data["origin"].items()},
        lazy=data.get("lazy", False),
        profile=None if profile is None else _measurement(profile),
        session=data.get("session"),
        requested=None if requested is None else RequestedEngine(requested["engine"], requested["engine_config"]),
    )


def _measurement(data: Mapping[str, Any]) -> Measurement:
    return Measurement(
        agreement=data["agreement"],
        measured=data["measured"],
        milliseconds=data["milliseconds"],
        ratio=data["ratio"],
        pictures=data["pictures"],
        held_back=data.get("held_back", False),
        accuracy=data.get("accuracy"),
        reference_accuracy=data.get("reference_accuracy"),
    )


def _graph(data: Mapping[str, Any]) -> Graph:
    return Graph(
        stages={name: _stage(item) for name, item in data["stages"].items()},
        order=tuple(data["order"]),
        outputs=data["outputs"],
        drawing=data.get("drawing", ""),
    )


def _stage(data: Mapping[str, Any]) -> Stage:
    return Stage(
        inputs=data["inputs"],
        module=data.get("module"),
        op=data.get("op"),
        params=data.get("params", {}),
        many=data.get("many", False),
        each=_graph(data["each"]) if "each" in data else None,
    )
