"""What a reviewer wants to see of a plan, as plain values that every rendering shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from hpi_schemas.backends import THREADS, load_all, value_of
from hpi_schemas.feature_index import INDEX
from hpi_schemas.plan.model import INPUT, EngineRecord, External, Graph, Measurement, ModuleRecord, Plan, PrepareStep
from hpi_schemas.tasks import runnable

from hpi_planner.review.said import Sources
from hpi_planner.review.wording import clean, counted, listed
from hpi_planner.review.words import Words

# Kinds of what no plan has an engine for, because it is asked over the network.
_SERVICES = ("chat_bot", "retriever")
# What measured times are of.
_TIMES = {"cold": "from a start to a first result", "latency": "one by one", "throughput": "in one go"}
_STEPS = {
    "to_onnx": "convert the model to ONNX",
    "to_fp16": "convert the model to fp16",
    "build_engine": "build the engine",
    "build_subgraphs": "build engines for parts of the model",
    "compile_openvino": "compile the model",
    "optimize_onnx": "optimise the model",
    "quantize_onnx": "quantise the model",
    "quantize_openvino": "quantise the model",
}


@dataclass(frozen=True)
class ModuleView:
    """One module, as a row of a table.

    Attributes:
        address: where it stands in the YAML.
        model, device, backend, precision: as words; precision is empty where the engine has none.
        threads: of the processor, empty where they do not count.
        batch: inputs at a time.
        reason: why this backend.
        others: each backend not chosen, and why not.
        config: every option of the engine, with its origin.
        settings: pre- and postprocessing, with their origins.
        prepare: what is done before the first run.
        fallback: backends used if this one cannot be prepared or loaded.
        lazy: PaddleX creates it at the first prediction.
        session: the module whose session it uses, empty for one of its own.
        files: digests by file.
    """

    address: str
    model: str
    device: str
    backend: str
    precision: str
    threads: str
    batch: int
    reason: str
    others: Mapping[str, str]
    config: Mapping[str, tuple[Any, str]]
    settings: Mapping[str, tuple[Any, str]]
    prepare: tuple[str, ...]
    fallback: tuple[str, ...]
    lazy: bool
    session: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class StageView:
    """One stage of the graph: a module or a glue operation, and the stages before it."""

    name: str
    what: str
    address: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class PlanView:
    """A whole plan.

    Attributes:
        title: the pipeline's name.
        summary: one sentence.
        facts: of the target and the source, as pairs.
        modules: in the order of the graph, then by address.
        stages: in the order in which they run; empty without a graph.
        external: kind and model by address.
        warnings: what a reviewer should not miss.
        host: what runs the pipeline around the engines, empty for hpi-run itself.
    """

    title: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    modules: tuple[ModuleView, ...]
    stages: tuple[StageView, ...]
    external: Mapping[str, External]
    warnings: tuple[str, ...]
    host: str = ""


def view(plan: Plan, sources: Sources | None = None) -> PlanView:
    """Make the view of a plan; control characters in its names are replaced.

    Args:
        plan: it.
        sources: its YAML and overrides, None where they are not at hand.
    """
    plan = _cleaned(plan)
    words = Words(plan, sources)
    stages = () if plan.graph is None else tuple(_stages(plan.graph))
    order = {stage.address: index for index, stage in enumerate(stages) if stage.address}
    rows = [_module(address, record, words) for address, record in plan.modules.items()]
    rows.sort(key=lambda row: (order.get(row.address, len(order)), row.address))
    title = plan.pipeline.name or "one module"
    return PlanView(
        title=title,
        summary=_summary(title, rows, plan),
        facts=tuple(_facts(plan)),
        modules=tuple(rows),
        stages=stages,
        external=plan.external,
        warnings=tuple(_warnings(rows, plan)),
        host="" if plan.host is None else plan.host.name,
    )


def threads(engine: EngineRecord) -> Any:
    """Return the threads of an engine, None where they do not count."""
    return value_of(engine.backend, engine.config, THREADS)


def _cleaned(item: Any) -> Any:
    """Return a record, or what is in one, with every text cleaned."""
    if is_dataclass(item) and not isinstance(item, type):
        return replace(item, **{key: _cleaned(value) for key, value in vars(item).items()})
    if isinstance(item, Mapping):
        return {clean(key): _cleaned(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return type(item)(map(_cleaned, item))
    return clean(item) if isinstance(item, str) else item


def _module(address: str, record: ModuleRecord, words: Words) -> ModuleView:
    engine, origins = record.engine, record.origins
    config = engine.config
    return ModuleView(
        address=address,
        model=record.model.name,
        device=str(record.device),
        backend=engine.backend,
        precision=str(config.get("precision", "")),
        threads="" if threads(engine) is None else str(threads(engine)),
        batch=record.batch_size,
        reason=words.backend(address),
        others=words.not_chosen(address),
        config={key: (item, words.origin(origins.get(f"engine.config.{key}"))) for key, item in config.items()},
        settings={key: (item, words.origin(origins.get(f"settings.{key}"))) for key, item in record.settings.items()},
        prepare=tuple(_step(step) for step in engine.prepare),
        fallback=tuple(item.backend for item in record.fallback),
        lazy=record.lazy,
        session=record.session or "",
        files=record.model.files,
    )


def _step(step: PrepareStep) -> str:
    return f"{_STEPS.get(step.step, step.step)} with {step.tool} → {step.produces}"


def _stages(graph: Graph, prefix: str = "", given: tuple[str, ...] = (INPUT,)) -> Iterator[StageView]:
    """Yield the stages, those of a graph for each element of a list behind the stage that it stands in.

    Args:
        graph: of the plan, or of such a stage.
        prefix: of the names of its stages.
        given: the stages that its input comes from.
    """
    for name, stage in graph.in_order():
        after = [source for item in stage.sources for source in ((f"{prefix}{item}",) if item != INPUT else given)]
        what = "for each" if stage.each is not None else stage.op or "model"
        yield StageView(f"{prefix}{name}", what, stage.module or "", tuple(after))
        if stage.each is not None:
            yield from _stages(stage.each, f"{prefix}{name}: ", (f"{prefix}{name}",))


def _summary(title: str, rows: list[ModuleView], plan: Plan) -> str:
    count = counted(len(rows), "model", "models")
    backends = Counter(row.backend for row in rows)
    listed = ", ".join(f"{number} on {_title(name)}" for name, number in sorted(backends.items()))
    where = f"{len(plan.replicas)} copies" if plan.replicas else plan.target.device or "?"
    return f"{title}: {count}{f' ({listed})' if rows else ''}, {where}."


def _title(backend: str) -> str:
    found = load_all().get(backend)
    return found.title if found is not None else backend


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    source, target = plan.source, plan.target
    yield "source", source.file or f"built-in {source.builtin}"
    if source.overrides:
        yield "overrides", "  ".join(source.overrides)
    yield "target", f"{target.os} {target.arch}, {target.cores} cores, device {target.device or '?'}"
    for gpu in target.gpus:
        yield "GPU", f"{gpu.name}, compute capability {gpu.compute_capability}, {gpu.memory_mib} MiB"
    if target.cuda is not None:
        yield "CUDA", target.cuda
    versions = {**target.backends, **target.tools}
    installed = [f"{name} {version}" for name, version in sorted(versions.items()) if version is not None]
    yield "packages", ", ".join(installed) or "none"
    if source.profile is not None:
        allowed = source.profile.max_accuracy_drop
        drop = "no drop of accuracy" if allowed is None else f"a drop of accuracy of up to {allowed:g} points"
        yield "profile", f"{source.profile.file}, for {source.profile.optimize}, with {drop}"
    if plan.profile is not None:
        yield "measured together", _measured(plan.profile)
    if plan.replicas:
        yield "replicas", ", ".join(map(str, plan.replicas))
    yield "rules", plan.rules


def _measured(found: Measurement) -> str:
    """Say what was measured of the whole pipeline."""
    inputs = f"{found.pictures} inputs{' that were held back' if found.held_back else ''}"
    ratios = {what: found.ratio[way] for way, what in _TIMES.items() if way in found.ratio}
    times = ", ".join(f"{ratio:.2f} of the time {what}" for what, ratio in ratios.items())
    same = ", ".join(f"{share:.1%} of {kind}" for kind, share in sorted(found.agreement.items()))
    before = found.reference_accuracy or {}
    now = [
        f"{name.replace('_', ' ')} {value:.2%}{f', was {before[name]:.2%}' if name in before else ''}"
        for name, value in sorted((found.accuracy or {}).items())
    ]
    return "; ".join([f"on {inputs}: {times}", *([f"the same {same}"] if same else []), *now])


def _warnings(rows: list[ModuleView], plan: Plan) -> Iterator[str]:
    for row in rows:
        if row.precision not in ("", "fp32"):
            yield f"{row.address} runs in {row.precision}: its numbers differ from fp32."
        if row.fallback:
            yield (
                f"{row.address} falls back on {listed(row.fallback)} if {row.backend} cannot be prepared or loaded, "
                "unless hpi-run is told to be --strict."
            )
        if row.prepare:
            yield f"{row.address} is prepared before its first run on a machine: {'; '.join(row.prepare)}."
    for address, item in plan.external.items():
        yield f"{address} ({item.kind.replace('_', ' ')}): {elsewhere(item, plan)}."
    if plan.host is not None:
        yield f"PaddleX {plan.host.version} runs this pipeline around these engines."
    elif plan.graph is None and rows:
        tasks = {address: record.module_name for address, record in plan.modules.items()}
        yield f"hpi-run cannot run this pipeline as a whole: {runnable(tasks)}."


def elsewhere(item: External, plan: Plan) -> str:
    """Say who runs what has no engine in the plan."""
    if item.kind == "prompt":
        return "a template for what a service is asked"
    if item.kind == INDEX:
        return "what is found is looked up in it"
    if plan.host is None:
        return "this plan has no engine for it, and hpi-run does not run it"
    if item.kind in _SERVICES:
        return "a service that PaddleX asks while it runs"
    return f"PaddleX {plan.host.version} runs it by itself, with no engine of this plan"
