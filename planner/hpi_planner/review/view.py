"""What a reviewer wants to see of a plan, as plain values that every rendering shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas.backends import load_all

from hpi_planner.choice import WHY
from hpi_planner.review.text import clean, counted

_THREADS = ("cpu_num_threads", "cpu_threads")
_STEPS = {
    "to_onnx": "convert the model to ONNX",
    "to_fp16": "convert the model to fp16",
    "build_engine": "build the engine",
    "build_subgraphs": "build engines for parts of the model",
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
    """

    title: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    modules: tuple[ModuleView, ...]
    stages: tuple[StageView, ...]
    external: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]


def view(plan: Mapping[str, Any]) -> PlanView:
    """Make the view of a plan of format 1.x; control characters in its names are replaced."""
    plan = _cleaned(plan)
    stages = tuple(_stages(plan["graph"])) if plan["graph"] else ()
    order = {stage.address: index for index, stage in enumerate(stages) if stage.address}
    rows = [_module(address, record, plan) for address, record in plan["modules"].items()]
    rows.sort(key=lambda row: (order.get(row.address, len(order)), row.address))
    title = plan["pipeline"]["name"] or "one module"
    return PlanView(
        title=title,
        summary=_summary(title, rows, plan),
        facts=tuple(_facts(plan)),
        modules=tuple(rows),
        stages=stages,
        external=plan.get("external", {}),
        warnings=tuple(_warnings(rows, plan)),
    )


def threads(config: Mapping[str, Any]) -> Any:
    """Return the threads of an engine's configuration, None where they do not count."""
    return next((config[key] for key in _THREADS if key in config), None)


def _cleaned(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {clean(key): _cleaned(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_cleaned(value) for value in item]
    return clean(item) if isinstance(item, str) else item


def _module(address: str, record: Mapping[str, Any], plan: Mapping[str, Any]) -> ModuleView:
    engine, origins = record["engine"], record.get("origin", {})
    config = engine["config"]
    return ModuleView(
        address=address,
        model=record["model"]["name"],
        device=record["device"],
        backend=engine["backend"],
        precision=str(config.get("precision", "")),
        threads="" if threads(config) is None else str(threads(config)),
        batch=record["batch_size"],
        reason=_reason(origins.get("engine.backend", ""), plan),
        others={name: WHY.get(code, code) for name, code in record.get("not_chosen", {}).items()},
        config={key: (item, origin(origins.get(f"engine.config.{key}", ""), plan)) for key, item in config.items()},
        settings={
            key: (item, origin(origins.get(f"settings.{key}", ""), plan)) for key, item in record["settings"].items()
        },
        prepare=tuple(_step(step) for step in engine.get("prepare", ())),
        fallback=tuple(item["backend"] for item in engine.get("fallback", ())),
        lazy=record.get("lazy", False),
        files=record["model"]["files"],
    )


def origin(text: str, plan: Mapping[str, Any]) -> str:
    """Write an origin of a plan for people."""
    kind, _, rest = text.partition(":")
    if kind == "override":
        tokens = plan.get("source", {}).get("overrides", ())
        return f"`{tokens[int(rest)]}`" if rest.isdecimal() and int(rest) < len(tokens) else text
    known = {
        "file": "the YAML at `{}`",
        "default": "the default of {}",
        "model": "the model's {}",
        "profile": "the profile, for {}",
        "rule": "the rule {}",
    }
    return known[kind].format(rest) if kind in known else text


def _reason(text: str, plan: Mapping[str, Any]) -> str:
    kind, _, rest = text.partition(":")
    if kind in ("file", "override"):
        return f"asked for by {origin(text, plan)}"
    if text == "rule:regular":
        return "regular inference"
    if kind == "rule" and rest.startswith("generic/"):
        return "first of the generic order; the model is not ranked"
    if kind == "profile":
        return f"fastest in the profile {plan['source']['profile']['file']}"
    return f"first of PaddleX's ranking {rest}" if kind == "rule" else origin(text, plan)


def _step(step: Mapping[str, Any]) -> str:
    tool = f" with {step['tool']}" if "tool" in step else ""
    return f"{_STEPS.get(step['step'], step['step'])}{tool} → {step.get('produces', '?')}"


def _stages(graph: Mapping[str, Any]) -> Iterator[StageView]:
    for name in graph["order"]:
        stage = graph["stages"][name]
        before = sorted({ref.rpartition(".")[0] for ref in stage["inputs"].values()})
        yield StageView(name, stage.get("op") or "model", stage.get("module", ""), tuple(before))


def _summary(title: str, rows: list[ModuleView], plan: Mapping[str, Any]) -> str:
    count = counted(len(rows), "model", "models")
    backends = Counter(row.backend for row in rows)
    listed = ", ".join(f"{number} on {_title(name)}" for name, number in sorted(backends.items()))
    copies = plan.get("replicas")
    where = f"{len(copies)} copies" if copies else str(plan["target"].get("device", "?"))
    return f"{title}: {count}{f' ({listed})' if rows else ''}, {where}."


def _title(backend: str) -> str:
    found = load_all().get(backend)
    return found.title if found is not None else backend


def _facts(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source, target = plan["source"], plan["target"]
    yield "source", source.get("file") or f"built-in {source.get('builtin')}"
    if source["overrides"]:
        yield "overrides", "  ".join(source["overrides"])
    yield "target", f"{target['os']} {target['arch']}, {target['cores']} cores, device {target.get('device', '?')}"
    for gpu in target.get("gpus", ()):
        yield "GPU", f"{gpu['name']}, compute capability {gpu['compute_capability']}, {gpu['memory_mib']} MiB"
    if "cuda" in target:
        yield "CUDA", target["cuda"]
    versions = {**target.get("backends", {}), **target.get("tools", {})}
    installed = [f"{name} {version}" for name, version in sorted(versions.items()) if version is not None]
    yield "packages", ", ".join(installed) or "none"
    if "profile" in source:
        measured = source["profile"]
        allowed = measured["max_accuracy_drop"]
        drop = "no drop of accuracy" if allowed is None else f"a drop of accuracy of up to {allowed:g} points"
        yield "profile", f"{measured['file']}, for {measured['optimize']}, with {drop}"
    if plan.get("replicas"):
        yield "replicas", ", ".join(map(str, plan["replicas"]))
    yield "rules", plan["rules"]


def _warnings(rows: list[ModuleView], plan: Mapping[str, Any]) -> Iterator[str]:
    for row in rows:
        if row.precision not in ("", "fp32"):
            yield f"{row.address} runs in {row.precision}: its numbers differ from fp32."
        if row.fallback:
            yield f"{row.address} falls back on {', '.join(row.fallback)} if {row.backend} cannot be loaded."
        if row.prepare:
            yield f"{row.address} is prepared before the first run: {'; '.join(row.prepare)}."
    for address, item in plan.get("external", {}).items():
        yield f"{address} ({item['kind'].replace('_', ' ')}) runs outside of this plan."
    if plan["graph"] is None and rows:
        yield "The runner has no stage graph for this pipeline: its modules run one by one."
