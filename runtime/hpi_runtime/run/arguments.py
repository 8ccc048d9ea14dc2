"""The arguments of PaddleX's ``predict``: a frozen plan takes those that it has already, and refuses others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hpi_schemas
from hpi_schemas import tasks, yaml_data
from hpi_schemas.plan.model import Graph

from hpi_runtime.errors import PlanError
from hpi_runtime.run.plan import LocatedPlan

BATCH_SIZE = "batch_size"


class Argument(NamedTuple):
    """An argument, what the plan has for it, and the address in the YAML that says so."""

    name: str
    planned: Any
    key: str


def check(plan: LocatedPlan, graph: Graph, module: str | None, given: Mapping[str, Any]) -> None:
    """Look whether a call asks for what the plan has; None asks for nothing.

    Args:
        plan: that is run.
        graph: of what is run.
        module: the module that is run alone, None for the whole pipeline.
        given: the arguments by name.

    Raises:
        TypeError: PaddleX has no such argument here.
        PlanError: the plan has another value.
    """
    known = {item.name: item for item in _known(plan, graph, module)}
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise TypeError(
                f"predict() takes no argument {name!r} here; beside `input` and `limits` it takes: {listed}"
            )
        item = known[name]
        if value is None or _is_same(value, item.planned):
            continue
        has = "leaves it to the model" if item.planned is None else f"has {item.planned}"
        mend = f"write `{item.key}: {value}` in the YAML, or give `overrides=['{item.key}={value}']`, and plan again"
        raise PlanError(f"`{name}` is {value}, and the plan {has}; a plan is frozen: {mend}")


def _known(plan: LocatedPlan, graph: Graph, module: str | None) -> Iterator[Argument]:
    name = plan.plan.pipeline.name
    if module is not None or name is None:
        address = module or next(iter(plan.modules))
        record = plan.modules[address]
        contract = tasks.find(record.module_name)
        settings = () if contract is None else tuple(contract.settings)
        yield from (Argument(key, record.settings.get(key), f"{address}.{key}") for key in settings)
    else:
        yield from (_argument(plan, key, place) for key, place in _all().get(name, {}).items())
    if len(graph.modules) == 1:
        (address,) = graph.modules
        yield Argument(BATCH_SIZE, plan.modules[address].batch_size, f"{address}.{BATCH_SIZE}")


def _argument(plan: LocatedPlan, name: str, place: str | Mapping[str, str]) -> Argument:
    if not isinstance(place, str):
        return Argument(name, place["module"] in plan.modules, place["key"])
    address, _, key = place.rpartition(".")
    record = plan.modules.get(address)
    return Argument(name, None if record is None else record.settings.get(key), place)


def _is_same(value: Any, planned: Any) -> bool:
    if isinstance(value, bool) or isinstance(planned, bool):
        return value is planned
    if isinstance(value, Mapping) and isinstance(planned, Mapping):
        # JSON has texts for the numbers of classes.
        return {str(key): item for key, item in value.items()} == dict(planned)
    return bool((list(value) if isinstance(value, tuple) else value) == planned)


@cache
def _all() -> Mapping[str, Mapping[str, Any]]:
    path = Path(hpi_schemas.__file__).parent / "predict_arguments.yaml"
    found: Mapping[str, Mapping[str, Any]] = yaml_data.load(path.read_text(encoding="utf-8"))
    return found
