"""What PaddleX makes of an input by itself, with its own ONNX Runtime engine, from the configuration in a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from hpi_paddlex.configuration import modules, with_numbers
from hpi_runtime import LocatedPlan

OWN = "onnxruntime"


def pipeline(plan: LocatedPlan, secrets: dict[str, str]) -> Any:
    """Return PaddleX's pipeline."""
    paddlex: Any = import_module("paddlex")
    assert plan.plan.host is not None
    config = with_numbers(json.loads(json.dumps(plan.plan.host.pipeline)))
    for address, node in modules(config):
        record = plan.modules.get(address)
        if record is not None:
            bind(record.model.name)
            threads = {"intra_op_num_threads": record.engine.config["cpu_num_threads"]}
            node.update(engine=OWN, engine_config=threads, model_dir=str(plan.store.resolve(record.model.dir)))
    for path, secret in secrets.items():
        *keys, last = path.split(".")
        node = config
        for key in keys:
            node = node[key]
        node[last] = secret
    # Those that ask a language model create it when it is asked; without this they want its key at once.
    asks = "LLM_Chat" in config["SubModules"] if "SubModules" in config else False
    found = paddlex.create_pipeline(config=config, device="cpu", **({"initial_predictor": False} if asks else {}))
    if hasattr(found, "rec_model"):
        found.rec_model = _Each(found.rec_model)
    return found


def results(own: Any, item: str, settings: dict[str, Any]) -> list[Any]:
    """Return PaddleX's results of an input; of those that read and then ask, the pages and their translation."""
    if not hasattr(own, "visual_predict"):
        return list(own.predict(item, **settings))
    is_asked = not {"key_list", "target_language"}.isdisjoint(settings)
    read = list(own.visual_predict(item, **({} if is_asked else settings)))
    pages = [page["layout_parsing_result"] for page in read]
    if "target_language" in settings:
        pages += own.translate([page.markdown for page in pages], **settings)
    return pages


def bind(name: str) -> None:
    """Let PaddleX's predictor of a model take its own ONNX Runtime engine, where PaddleX does not offer that."""
    registry: Any = import_module("paddlex.inference.models.bindings.registry")
    known = registry.try_get_supported_engines(name)
    if OWN not in known:
        engine = next(item for item in ("paddle_static", "hpi") if item in known)
        registry.register_predictor_binding_map(registry.get_binding(name, engine).predictor, {OWN: [name]})


class _Each:
    """A predictor of features, one picture at a time and without the dimension of the batch, on which it fails."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def predict(self, input: Any, **settings: Any) -> Iterator[Any]:
        for item in input if isinstance(input, list) else [input]:
            for result in self._own.predict(item, **settings):
                result["feature"] = np.squeeze(result["feature"], axis=0)
                yield result

    __call__ = predict
