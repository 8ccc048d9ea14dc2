"""host: whose code runs the pipeline, where hpi-run's own stage graph does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas import credentials, hosts
from hpi_schemas.plan.host import HostRecord
from hpi_schemas.tasks import runnable

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Diagnostic, Label, error, has_errors, note, warning
from hpi_planner.ir import Ir, Pipeline
from hpi_planner.paddlex import definitions
from hpi_planner.paddlex.legal_keys import INHERITED, SHARE
from hpi_planner.passes import schedule
from hpi_planner.syntax.tree import Path, Tree, dotted

# What chooses engines is decided; the rest says nothing of the pipeline.
_LEFT_OUT = frozenset({*INHERITED, SHARE, "SubModules", "SubPipelines", "device", "Serving"})
_OF_MODULES = frozenset({*INHERITED, "model_dir"})


@dataclass(frozen=True)
class Host:
    """Lets PaddleX run what hpi-run does not, and what somebody asks it to."""

    name: str = "host"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``host``, or say why nothing runs the pipeline as a whole."""
        asked = ir.asked_host
        if asked is not None and asked.value not in hosts.NAMES:
            told = f"there is no host `{asked.value}`; known: {', '.join(hosts.NAMES)}"
            return ir.report(error(Code.HOST_INVALID, told, *asked.origin.labels()))
        if ir.tree is None or ir.target is None or ir.target_facts is None or has_errors(ir.diagnostics):
            return ir
        if schedule.is_native(ir):
            return ir
        reason = _unable(ir)
        if reason is not None:
            return ir.report(_nobody(ir, reason))
        here = ir.target.hosts.get(hosts.PADDLEX)
        version = here if here in hosts.TESTED[hosts.PADDLEX] else hosts.newest(hosts.PADDLEX)
        record = HostRecord(hosts.PADDLEX, version, credentials.without(_configuration(ir, ir.tree)))
        facts = replace(ir.target_facts, hosts={hosts.PADDLEX: here})
        return replace(ir, host=record, target_facts=facts).report(*_told(ir, here, version))


def _unable(ir: Ir) -> str | None:
    """Return why PaddleX does not run it around our engines, None if it does."""
    if ir.pipeline is None:
        names = [module.model_name for module in ir.modules if knowledge.module_of(module.model_name) is None]
        return f"it has no model `{names[0]}`" if names else None
    if not definitions.is_paddlexs(ir.pipeline.name):
        return f"`{ir.pipeline.name}` is no pipeline of PaddleX's"
    if not ir.modules:
        return f"`{ir.pipeline.name}` has no model here that an inference backend runs"
    return definitions.load(ir.pipeline.name).unhosted


def _nobody(ir: Ir, reason: str) -> Diagnostic:
    if ir.asked_host is not None:
        return error(Code.HOST_INVALID, f"PaddleX cannot run this: {reason}", *ir.asked_host.origin.labels())
    message = f"{schedule.lacking(ir)}, and PaddleX cannot run it around these engines: {reason}"
    if ir.pipeline is None:
        return warning(Code.TASK_UNKNOWN, message, *_labels(ir), help=schedule.ELSEWHERE)
    alone = runnable({module.address: module.module_name for module in ir.modules})
    told = f"{message}; {alone}" if alone else message
    return warning(Code.GRAPH_MISSING, told, *_labels(ir), help=schedule.ELSEWHERE)


def _labels(ir: Ir) -> tuple[Label, ...]:
    """Return the place that says what is to be run."""
    if ir.asked_host is not None:
        return ir.asked_host.origin.labels()
    if ir.pipeline is None:
        return ir.modules[0].origins["model_name"].labels()
    return () if ir.tree is None else (Label(ir.tree.span(("pipeline_name",))),)


def _told(ir: Ir, here: str | None, version: str) -> Iterator[Diagnostic]:
    labels = _labels(ir)
    install = f"`pip install paddlex=={version}` with what the pipeline needs, such as `paddlex[ocr]`"
    if ir.asked_host is None:
        message = f"{schedule.lacking(ir)}: PaddleX {version} runs it around these engines"
        yield note(Code.HOST_NEEDED, message, *labels, help=None if here else f"the target has none: {install}")
    if here is not None and here != version:
        message = f"the target has PaddleX {here}, which is not tested; the plan runs with {version} alone"
        yield warning(Code.HOST_UNTESTED, message, *labels, help=install)


def _configuration(ir: Ir, tree: Tree) -> dict[str, Any]:
    """Return what PaddleX gets; of a module alone, its record says the rest."""
    return _node(ir, tree, ir.pipeline) if ir.pipeline is not None else {"model_name": ir.modules[0].model_name}


def _node(ir: Ir, tree: Tree, pipeline: Pipeline) -> dict[str, Any]:
    """Return every value of a pipeline, and of its members those that exist."""
    # The folder of an index is that of its record.
    left_out = {*_LEFT_OUT, *definitions.load(pipeline.name).indexes}
    node = {key: value for key, value in tree.get(pipeline.path).items() if key not in left_out}
    modules: dict[str, Any] = {key: _module(tree.get(path)) for key, path in pipeline.modules.items()}
    for keys in _external(ir, pipeline.path):
        value = tree.get((*pipeline.path, "SubModules", *keys))
        # The folder of a model is that of its record.
        _put(modules, keys, {key: item for key, item in value.items() if key != "model_dir"})
    pipelines = {key: _node(ir, tree, child) for key, child in pipeline.pipelines.items()}
    sections = {"SubModules": modules, "SubPipelines": pipelines}
    return {**node, **{key: value for key, value in sections.items() if value}}


def _module(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in _OF_MODULES}


def _external(ir: Ir, path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the keys, below ``SubModules`` of a pipeline, of what no backend of ours runs."""
    prefix = dotted((*path, "SubModules")) + "."
    for address in ir.external:
        keys = tuple(address.removeprefix(prefix).split("."))
        if address.startswith(prefix) and "SubModules" not in keys and "SubPipelines" not in keys:
            yield keys


def _put(node: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        node = node.setdefault(key, {})
    node[keys[-1]] = value
