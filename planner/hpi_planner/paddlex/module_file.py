"""Module files (``Global:`` and ``Predict:``): one module, without inheritance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Label, note
from hpi_planner.ir import Traced
from hpi_planner.paddlex import definitions, inheritance
from hpi_planner.paddlex.inheritance import Inherited
from hpi_planner.paddlex.legal_keys import HPI_KEYS, INHERITED
from hpi_planner.paddlex.walk import Walk
from hpi_planner.syntax.tree import Path, Tree

_SECTIONS = ("Global", "Predict")
_MODEL: Path = ("Global", "model")
_GLOBAL_KEYS = frozenset({"model", "mode", "module", "device", "output", "dataset_dir"})
_PREDICT_KEYS = frozenset({*INHERITED, "batch_size", "model_dir", "input", "kernel_option", "genai_config"})


def is_one(value: Any) -> bool:
    """Tell whether a document is a module file rather than a pipeline."""
    return isinstance(value, dict) and "pipeline_name" not in value and "Global" in value


@dataclass(frozen=True)
class ModuleFile:
    """A file that configures one module."""

    root: ClassVar[Path] = ("Predict",)
    device: ClassVar[Path | None] = ("Global", "device")
    unread: ClassVar[str] = "hpi-plan does not pass the key `{}` on"

    def keys_at(self, tree: Tree, path: Path) -> frozenset[str] | None:
        """Return the keys that are legal in the mapping at ``path``; None means any."""
        if path == ("Global",):
            return _GLOBAL_KEYS
        if path == self.root:
            return _PREDICT_KEYS | set(definitions.settings_of(_task(tree) or ""))
        if path == (*self.root, "hpi_config"):
            return frozenset(HPI_KEYS)
        return None

    def expand(self, walk: Walk) -> None:
        """Add the module."""
        _report_training_keys(walk)
        for section in _SECTIONS:
            if not isinstance(walk.tree.get((section,)), dict):
                walk.node.error(Code.MODULE_INVALID, f"`{section}` must be a mapping", (section,))
                return
        model_name = walk.tree.get(_MODEL)
        if not isinstance(model_name, str):
            walk.node.error(Code.MODULE_INVALID, "`Global.model` must name the model", ("Global",))
            return
        module_name = _task(walk.tree)
        if module_name is None:
            walk.node.error(
                Code.MODEL_UNKNOWN,
                f"no PaddleX module has a model `{model_name}`",
                _MODEL,
                help="name its task in the same section, for example `module: text_detection`",
            )
            return
        predict = walk.tree.get(self.root)
        walk.node.check_keys(self.root, predict)
        inherited = inheritance.module(walk.node, self.root, predict, Inherited())
        # Where the file is silent, the model's own inference.yml speaks.
        known = {key: item for key, item in definitions.settings_of(module_name).items() if key in predict}
        settings = walk.node.settings(self.root, predict, known, {}, module_name)
        named = Traced(model_name, walk.node.origin(_MODEL))
        walk.add(self.root, predict, module_name, named, settings, inherited, 0)
        _kernel_option(walk, predict)


def _task(tree: Tree) -> str | None:
    """Return the task of the module, None if nothing names it."""
    model, named = tree.get(_MODEL), tree.get(("Global", "module"))
    found = knowledge.module_of(model) if isinstance(model, str) else None
    return found or (named if isinstance(named, str) else None)


def _report_training_keys(walk: Walk) -> None:
    ignored = [key for key in walk.tree.value if key not in _SECTIONS]
    if ignored:
        names = ", ".join(f"`{key}`" for key in ignored)
        verb = "is" if len(ignored) == 1 else "are"
        place = Label(walk.tree.key_span((ignored[0],)))
        walk.found.append(note(Code.TRAINING_KEYS_IGNORED, f"{names} {verb} for training and ignored here", place))


def _kernel_option(walk: Walk, predict: Mapping[str, Any]) -> None:
    """Take what a module file says of Paddle's regular inference."""
    own = predict.get("kernel_option")
    place = ("Predict", "kernel_option")
    if own is None:
        return
    if not isinstance(own, dict):
        walk.node.error(Code.MODULE_INVALID, f"`kernel_option` must be a mapping, not `{own}`", place)
        return
    section = Traced(own, walk.node.origin(place))
    keys = inheritance.traced(walk.node, place, own, 3)
    kernel = {"backend_config": section} | {f"backend_config.{key}": item for key, item in keys.items()}
    walk.modules[-1] = replace(walk.modules[-1], kernel_option=kernel)
