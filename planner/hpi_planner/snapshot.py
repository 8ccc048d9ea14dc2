"""What ``--stop-after`` shows of each pass: the modules as they are by then, as plain JSON."""

from __future__ import annotations

from typing import Any

from hpi_schemas.plan import host, serving, write

from hpi_planner.ir import Ir, Module

_INHERITED = ("model_name", "model_dir", "use_hpip", "hpi_config", "batch_size")


def snapshot(ir: Ir, stopped_after: str) -> dict[str, Any]:
    """Return the state after a pass."""
    result: dict[str, Any] = {"pass": stopped_after}
    if stopped_after in ("read", "override"):
        return {**result, "modules": {}, "tree": ir.tree.value if ir.tree else None}
    result["modules"] = {module.address: _module(module, ir) for module in ir.modules}
    if ir.external:
        result["external"] = {address: write.external(item) for address, item in ir.external.items()}
    if ir.graph is not None:
        result["graph"] = write.graph(ir.graph)
    if ir.host is not None:
        result["host"] = host.write(ir.host)
    if ir.serving is not None:
        result["serving"] = serving.write(ir.serving)
    return result


def _module(module: Module, ir: Ir) -> dict[str, Any]:
    record: dict[str, Any] = {key: getattr(module, key) for key in _INHERITED}
    given = ir.device.value if ir.device else None
    record["device"] = given if module.device is None else str(module.device)
    if module.hpi_config is not None:
        record["hpi_config"] = dict(module.hpi_config)
    if module.engine_config is not None:
        record["engine_config"] = dict(module.engine_config)
    if module.engine_given is not None:
        record["paddlex_engine"] = module.engine_given
    if module.lazy:
        record["lazy"] = True
    if module.facts is not None:
        record["formats"] = list(module.facts.formats)
        record["inputs"] = {
            form: {k: [d, s] for k, (d, s) in item.items()} for form, item in module.facts.inputs.items()
        }
    if module.engine is not None:
        record["engine"] = {"backend": module.engine.backend, "config": dict(module.engine.config)}
        record["not_chosen"] = dict(module.not_chosen)
        record["origin"] = {key: str(origin.recorded) for key, origin in module.origins.items()}
    return record
