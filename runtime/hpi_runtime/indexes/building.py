"""From a gallery to vectors, by the engine that a plan has for features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hpi_schemas import tasks

from hpi_runtime.errors import PlanError
from hpi_runtime.indexes.gallery import Entry
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.plan import LocatedPlan

_FEATURE = "feature"


class Described(NamedTuple):
    """Pictures that were described.

    Attributes:
        features: N × D, float32.
        labels: as many.
    """

    features: np.ndarray[Any, Any]
    labels: list[str]


def describing(plan: LocatedPlan, module: str | None) -> str:
    """Return the address of the module that describes pictures by vectors.

    Args:
        plan: with one such module, or more.
        module: one of them, None for the only one.

    Raises:
        PlanError: it is none, or there is not exactly one.
    """
    known = [address for address, record in plan.modules.items() if _describes(record.module_name)]
    if module is not None:
        plan.module(module)
        if module not in known:
            raise PlanError(f"{module} gives no features; {', '.join(known) or 'nothing in this plan'} does")
        return module
    if len(known) != 1:
        told = f"several modules give features, name one with --module: {', '.join(known)}"
        raise PlanError(told if known else "no module of this plan gives features")
    return known[0]


def describe(plan: LocatedPlan, module: str, entries: Sequence[Entry], failed: Callable[[str, str], None]) -> Described:
    """Describe the pictures of a gallery.

    Args:
        plan: that has the engine.
        module: the address of the module that gives features.
        entries: pictures with their labels; each page of a document counts.
        failed: is told the path of each that cannot be described, and why.

    Raises:
        PlanError: none can.
        RunnerError: the module cannot be loaded.
    """
    labels = {entry.path: entry.label for entry in entries}
    features: list[Any] = []
    found: list[str] = []
    with NativePipeline(plan, module) as pipeline:
        for item in pipeline.items(list(labels)):
            path = str(item.source.path)
            if item.error is not None:
                failed(path, f"{item.error.code}: {item.error}")
                continue
            features.append(item.values["module.result"][_FEATURE])
            found.append(labels[path])
    if not features:
        raise PlanError("none of the pictures could be described")
    return Described(np.stack(features), found)


def _describes(task: str) -> bool:
    contract = tasks.find(task)
    return contract is not None and _FEATURE in contract.gives
