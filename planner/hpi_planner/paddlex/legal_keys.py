"""Which keys may stand at which place of a pipeline or module YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_schemas.value_types import described, is_of

from hpi_planner import knowledge
from hpi_planner.paddlex import definitions
from hpi_planner.syntax.tree import Path, Tree

# The fields of PaddleX's HPIConfig with their types, and our `on_failure`.
HPI_KEYS: Mapping[str, str] = {
    "auto_config": "boolean",
    "auto_paddle2onnx": "boolean",
    "backend": "string|null",
    "backend_config": "mapping|null",
    "device_id": "integer|null",
    "device_type": "string",
    "hpi_info": "mapping|null",
    "model_name": "string",
    "on_failure": "list|null",
}
# What a level hands down to those below it.
INHERITED = ("use_hpip", "hpi_config", "engine", "engine_config")
_INHERITED = frozenset(INHERITED)
_MODULE_KEYS = _INHERITED | {"module_name", "model_name", "model_dir", "batch_size", "genai_config"}
# `Serving` is for PaddleX's server.
_PIPELINE_KEYS = _INHERITED | {"pipeline_name", "SubModules", "SubPipelines", "device", "Serving"}
# hpi-plan's own, at the top of a pipeline; PaddleX passes it over.
SHARE = "share_sessions"
_GLOBAL_KEYS = frozenset({"model", "mode", "module", "device", "output", "dataset_dir"})
_PREDICT_KEYS = _INHERITED | {"batch_size", "model_dir", "input", "kernel_option", "genai_config"}


def is_module_config(value: Any) -> bool:
    """Tell whether a document is a PaddleX module config rather than a pipeline."""
    return isinstance(value, dict) and "pipeline_name" not in value and "Global" in value


def keys_at(tree: Tree, path: Path) -> frozenset[str] | None:
    """Return the keys that are legal in the mapping at ``path``; None means any.

    A path below an unknown pipeline, or inside ``backend_config``, is not constrained.
    """
    if is_module_config(tree.value):
        return _module_config_keys(tree, path)
    if not path or path[-2:-1] == ("SubPipelines",):
        return _pipeline_keys(tree, path)
    if path[-2:-1] == ("SubModules",):
        return _module_keys(tree, path)
    if path[-1] == "hpi_config":
        return frozenset(HPI_KEYS)
    if path[-1] in ("SubModules", "SubPipelines"):
        return _member_keys(tree, path)
    return None


def task_of(tree: Tree) -> str | None:
    """Return the task of a module file, None if nothing names it."""
    model, named = tree.get(("Global", "model")), tree.get(("Global", "module"))
    found = knowledge.module_of(model) if isinstance(model, str) else None
    return found or (named if isinstance(named, str) else None)


def _module_config_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    if path == ("Global",):
        return _GLOBAL_KEYS
    if path == ("Predict",):
        return _PREDICT_KEYS | set(definitions.settings_of(task_of(tree) or ""))
    if path == ("Predict", "hpi_config"):
        return frozenset(HPI_KEYS)
    return None


def _definition(tree: Tree, path: Path) -> definitions.Definition | None:
    name = tree.get((*path, "pipeline_name"))
    return definitions.load(name) if isinstance(name, str) and name in definitions.names() else None


def _pipeline_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path)
    if found is None:
        return None
    return _PIPELINE_KEYS | set(found.settings) | set(found.flags) | ({SHARE} if path == () else set())


def _module_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path[:-2])
    if found is None:
        return None
    for member in found.members:
        if member.key == path[-1] and member.module_name is not None:
            return _MODULE_KEYS | set(member.settings)
    return None


def _member_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path[:-1])
    if found is None:
        return None
    external = {item.key.partition(".")[0] for item in found.external} if path[-1] == "SubModules" else set()
    return frozenset(external | {member.key for member in found.members if member.section == path[-1]})


def hpi_problem(key: str, value: Any) -> str | None:
    """Return what is wrong with the value of a key of ``hpi_config``, or None."""
    if is_of(value, HPI_KEYS[key]):
        return None
    return f"`{key}` must be of type {described(HPI_KEYS[key])}, not {value!r}"
