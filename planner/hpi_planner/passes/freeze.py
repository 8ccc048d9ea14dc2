"""freeze: canonical JSON. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas import credentials, hosts
from hpi_schemas.plan.model import EngineRecord, ModelRecord, ModuleRecord, PipelineRecord, Plan, RequestedEngine
from hpi_schemas.plan.write import write

from hpi_planner.diagnostics.model import has_errors
from hpi_planner.ir import Ir, Module, Pipeline
from hpi_planner.syntax.tree import dotted

# The version of the rules; it changes when the same inputs may give another plan.
RULES = "2026.3"


@dataclass(frozen=True)
class Freeze:
    """Writes the plan, unless there were errors."""

    name: str = "freeze"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``plan`` and ``text``."""
        if ir.tree is None or has_errors(ir.diagnostics):
            return ir
        assert ir.target_facts is not None
        plan = Plan(
            pipeline=_pipeline(ir),
            source=ir.source,
            target=ir.target_facts,
            rules=RULES,
            modules={module.address: _module(module) for module in ir.modules},
            graph=ir.graph,
            external=ir.external,
            host=ir.host,
            serving=ir.serving,
            replicas=ir.replicas,
            profile=ir.profile,
            must_understand=() if ir.host is None else (hosts.FEATURE,),
        )
        return replace(ir, plan=plan, text=write(plan))


def _module(module: Module) -> ModuleRecord:
    assert module.engine is not None and module.device is not None
    return ModuleRecord(
        module_name=module.module_name,
        model=model(module, (module.engine, *module.fallback)),
        device=module.device,
        engine=module.engine,
        batch_size=module.batch_size or 1,
        settings=credentials.without(module.settings),
        use_hpip=module.use_hpip,
        hpi_config=_cleaned(module.hpi_config),
        fallback=module.fallback,
        not_chosen=module.not_chosen,
        origins={key: origin.recorded for key, origin in module.origins.items()},
        lazy=bool(module.lazy),
        profile=module.profile,
        requested=_requested(module),
        session=module.session,
    )


def _requested(module: Module) -> RequestedEngine | None:
    if module.engine_given is None and module.engine_config is None:
        return None
    return RequestedEngine(module.engine_given, _cleaned(module.engine_config))


def model(module: Module, engines: Iterable[EngineRecord]) -> ModelRecord:
    """Return the record of a module's model, with the files that some engines start from."""
    assert module.engine is not None and module.facts is not None
    facts, form = module.facts, module.engine.format
    return ModelRecord(
        dir=facts.dir,
        name=module.model_name,
        format=form,
        formats=facts.formats,
        files={name: item for used in engines for name, item in facts.files[used.format].items()},
        inputs=facts.inputs[form],
        outputs=facts.outputs.get(form, {}),
        processing=facts.processing,
        hpi=facts.hpi,
        double_lists=facts.double_lists,
    )


def _pipeline(ir: Ir) -> PipelineRecord:
    if ir.pipeline is None:
        return PipelineRecord(None, {})
    settings: dict[str, Any] = {}
    _collect(ir.pipeline, settings)
    return PipelineRecord(ir.pipeline.name, settings)


def _collect(pipeline: Pipeline, settings: dict[str, Any]) -> None:
    settings[dotted(pipeline.path)] = {**pipeline.flags, **credentials.without(pipeline.settings)}
    for child in pipeline.pipelines.values():
        _collect(child, settings)


def _cleaned(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    cleaned: Mapping[str, Any] | None = None if value is None else credentials.without(value)
    return cleaned
