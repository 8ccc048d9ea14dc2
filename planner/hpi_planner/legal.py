"""Which keys may stand at which place of a pipeline or module YAML."""

from __future__ import annotations

from typing import Any

from hpi_planner import definitions
from hpi_planner.tree import Path, Tree

# The fields of PaddleX's HPIConfig, and our `on_failure`.
HPI_KEYS = frozenset(
    [
        "auto_config",
        "auto_paddle2onnx",
        "backend",
        "backend_config",
        "device_id",
        "device_type",
        "hpi_info",
        "model_name",
        "on_failure",
    ]
)
_INHERITED = frozenset({"use_hpip", "hpi_config", "engine", "engine_config"})
_MODULE_KEYS = _INHERITED | {"module_name", "model_name", "model_dir", "batch_size", "genai_config"}
_PIPELINE_KEYS = _INHERITED | {"pipeline_name", "SubModules", "SubPipelines", "device"}
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
        return _module_config_keys(path)
    if not path or path[-2:-1] == ("SubPipelines",):
        return _pipeline_keys(tree, path)
    if path[-2:-1] == ("SubModules",):
        return _module_keys(tree, path)
    if path[-1] == "hpi_config":
        return HPI_KEYS
    if path[-1] in ("SubModules", "SubPipelines"):
        return _member_keys(tree, path)
    return None


def _module_config_keys(path: Path) -> frozenset[str] | None:
    if path == ("Global",):
        return _GLOBAL_KEYS
    if path == ("Predict",):
        return _PREDICT_KEYS
    if path == ("Predict", "hpi_config"):
        return HPI_KEYS
    return None


def _definition(tree: Tree, path: Path) -> definitions.Definition | None:
    name = tree.get((*path, "pipeline_name"))
    return definitions.load(name) if isinstance(name, str) and name in definitions.names() else None


def _pipeline_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path)
    return None if found is None else _PIPELINE_KEYS | set(found.settings) | set(found.flags)


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
    return None if found is None else frozenset(m.key for m in found.members if m.section == path[-1])
