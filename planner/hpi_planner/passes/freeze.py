"""freeze: canonical JSON. Nothing here decides anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.canonical import dumps

from hpi_planner.diagnostics import has_errors
from hpi_planner.ir import Engine, Ir, Module, Pipeline
from hpi_planner.tree import dotted

FORMAT = "1.0"
# The version of the rules; it changes when the same inputs may give another plan.
RULES = "2026.1"
_SECRET = re.compile(r"(api_?key|token|secret|password|passwd|credential|auth)", re.IGNORECASE)


@dataclass(frozen=True)
class Freeze:
    """Writes the plan, unless there were errors."""

    name: str = "freeze"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``plan``."""
        if ir.tree is None or has_errors(ir.diagnostics):
            return ir
        plan: dict[str, Any] = {
            "external": dict(ir.external),
            "format": FORMAT,
            "graph": ir.graph,
            "modules": {module.address: _module(module) for module in ir.modules},
            "must_understand": [],
            "pipeline": _pipeline(ir),
            "rules": RULES,
            "source": dict(ir.source),
            "target": dict(ir.target_facts),
        }
        if ir.replicas:
            plan["replicas"] = list(ir.replicas)
        return replace(ir, plan=dumps(plan))


def _module(module: Module) -> dict[str, Any]:
    assert module.engine is not None and module.facts is not None
    form = module.engine.format
    engine = module.engine.to_json(form)
    record: dict[str, Any] = {
        "batch_size": module.batch_size or 1,
        "device": module.device,
        "engine": {**engine, "fallback": [item.to_json(form) for item in module.fallback]},
        "hpi_config": None if module.hpi_config is None else _clean(module.hpi_config),
        "model": model(module, (module.engine, *module.fallback)),
        "module_name": module.module_name,
        "not_chosen": dict(module.not_chosen),
        "origin": {key: origin.text for key, origin in module.origins.items()},
        "settings": _clean(module.settings),
        "use_hpip": module.use_hpip,
    }
    if module.lazy:
        record["lazy"] = True
    if module.profile is not None:
        record["profile"] = dict(module.profile)
    if module.engine_given is not None or module.engine_config is not None:
        config = None if module.engine_config is None else _clean(module.engine_config)
        record["requested"] = {"engine": module.engine_given, "engine_config": config}
    return record


def model(module: Module, engines: Iterable[Engine]) -> dict[str, Any]:
    """Return the record of a module's model, with the files that some engines start from."""
    assert module.engine is not None and module.facts is not None
    facts, form = module.facts, module.engine.format
    record: dict[str, Any] = {
        "dir": facts.dir,
        "files": {name: item for used in engines for name, item in facts.files[used.format].items()},
        "format": form,
        "formats": list(facts.formats),
        "inputs": {name: [dtype, dims] for name, (dtype, dims) in facts.inputs[form].items()},
        "name": module.model_name,
        "outputs": [[name, dtype, dims] for name, (dtype, dims) in facts.outputs.get(form, {}).items()],
    }
    if facts.processing is not None:
        record["processing"] = facts.processing
    if facts.hpi is not None:
        record["hpi"] = facts.hpi
    if facts.double_lists:
        record["double_lists"] = list(facts.double_lists)
    return record


def _pipeline(ir: Ir) -> dict[str, Any]:
    if ir.pipeline is None:
        return {"name": None, "settings": {}}
    settings: dict[str, Any] = {}
    _collect(ir.pipeline, settings)
    return {"name": ir.pipeline.name, "settings": settings}


def _collect(pipeline: Pipeline, settings: dict[str, Any]) -> None:
    settings[dotted(pipeline.path)] = _clean(pipeline.settings)
    for child in pipeline.pipelines.values():
        _collect(child, settings)


def _clean(value: Any) -> Any:
    """Return a value of a plan: keys are text, and what looks like a credential is left out."""
    # Plans are committed and reviewed.
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items() if not _SECRET.search(str(key))}
    return [_clean(item) for item in value] if isinstance(value, list) else value
