"""Module files (``Global:`` and ``Predict:``): one module, without inheritance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpi_planner.diagnostics.model import Code, Label, note
from hpi_planner.ir import Traced
from hpi_planner.paddlex import definitions, inheritance, legal_keys
from hpi_planner.paddlex.inheritance import Inherited
from hpi_planner.paddlex.walk import Walk


def read(walk: Walk, given: Traced | None) -> Traced | None:
    """Add the module of a file to a walk.

    Args:
    walk: of the file's tree.
    given: the device that somebody named, None if nobody did.

    Returns:
    The same, or the device that the file names.
    """
    top = walk.tree.value
    known = ("Global", "Predict")
    ignored = [key for key in top if key not in known]
    if ignored:
        names = ", ".join(f"`{key}`" for key in ignored)
        walk.found.append(
            note(
                Code.TRAINING_KEYS_IGNORED,
                f"{names} {'is' if len(ignored) == 1 else 'are'} for training and ignored here",
                Label(walk.tree.key_span((ignored[0],))),
            )
        )
    for section in known:
        if not isinstance(top.get(section), dict):
            walk.node.error(Code.MODULE_INVALID, f"`{section}` must be a mapping", (section,))
            return given
    predict = top["Predict"]
    model_name = top["Global"].get("model")
    if not isinstance(model_name, str):
        walk.node.error(Code.MODULE_INVALID, "`Global.model` must name the model", ("Global",))
        return given
    module_name = legal_keys.task_of(walk.tree)
    if module_name is None:
        walk.node.error(
            Code.MODEL_UNKNOWN,
            f"no PaddleX module has a model `{model_name}`",
            ("Global", "model"),
            help="name its task in the same section, for example `module: text_detection`",
        )
        return given
    walk.node.check_keys(("Predict",), predict)
    inherited = inheritance.module(walk.node, ("Predict",), predict, Inherited())
    # Where the file is silent, the model's own inference.yml speaks.
    known_settings = {key: item for key, item in definitions.settings_of(module_name).items() if key in predict}
    settings = walk.node.settings(("Predict",), predict, known_settings, {}, module_name)
    walk.add(("Predict",), predict, module_name, model_name, settings, inherited, 0)
    _kernel_option(walk, predict)
    named = walk.tree.get(("Global", "device"))
    if given is None and named is not None:
        return Traced(str(named), walk.node.origin(("Global", "device")))
    return given


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
