"""The arguments of PaddleX's ``predict``: a frozen plan takes those that it has already, and refuses others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hpi_schemas
from hpi_schemas import tasks, yaml_data
from hpi_schemas.plan.model import Graph
from hpi_schemas.settings import Setting, fault

from hpi_runtime.errors import PlanError
from hpi_runtime.run.plan import LocatedPlan

BATCH_SIZE = "batch_size"


_SWITCH = Setting("boolean")
_BATCH = Setting("integer", minimum=1)
# What hpi-run does one way, whatever a YAML says.
_FIXED = "fixed"
# The parts of a page's preprocessing, where the whole of it is, and what switches that.
_PREPROCESSING = ("use_doc_orientation_classify", "use_doc_unwarping")
_PREPROCESSOR, _PREPROCESSING_SWITCH = "SubPipelines.DocPreprocessor", "use_doc_preprocessor"


class Argument(NamedTuple):
    """An argument, what the plan has for it, the address in the YAML that says so, and what may stand there.

    What no YAML says has no address.
    """

    name: str
    planned: Any
    key: str
    setting: Setting | None


def check(plan: LocatedPlan, graph: Graph, module: str | None, given: Mapping[str, Any]) -> None:
    """Look whether a call asks for what the plan has; None asks for nothing.

    Args:
        plan: that is run.
        graph: of what is run.
        module: the module that is run alone, None for the whole pipeline.
        given: the arguments by name.

    Raises:
        TypeError: PaddleX has no such argument here, or it cannot have this value.
        PlanError: the plan has another value.
    """
    known = {item.name: item for item in _known(plan, graph, module)}
    for name, value in given.items():
        _compare(_named(known, name), value)


def _named(known: Mapping[str, Argument], name: str) -> Argument:
    if name not in known:
        listed = ", ".join(known) or "none"
        raise TypeError(f"predict() takes no argument {name!r} here; beside `input` and `limits` it takes: {listed}")
    return known[name]


def _is_asked(item: Argument, given: Any) -> bool:
    value = _plain(given)
    return value is not None and not _is_same(value, item.planned)


def _check_value(item: Argument, given: Any) -> str:
    """Return a value as a YAML has it.

    Raises:
        TypeError: there it cannot be.
    """
    value = _plain(given)
    wrong = fault(value, item.setting) if item.setting is not None else None
    if wrong is not None:
        raise TypeError(f"`{item.name}` must be {wrong}, not {given!r}")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise TypeError(f"`{item.name}` cannot be {given!r}: it has no place in a YAML") from None


def _only_paddlex(item: Argument, written: str) -> PlanError:
    return PlanError(f"`{item.name}` is {written}, which only PaddleX itself can do: plan with `--host paddlex`")


def _compare(item: Argument, given: Any) -> None:
    if not _is_asked(item, given):
        return
    written = _check_value(item, given)
    if not item.key:
        raise _only_paddlex(item, written)
    has = "leaves it to the model" if item.planned is None else f"has {json.dumps(item.planned, ensure_ascii=False)}"
    mend = f"write `{item.key}: {written}` in the YAML, or give `overrides=['{item.key}={written}']`, and plan again"
    raise PlanError(f"`{item.name}` is {written}, and the plan {has}; a plan is frozen: {mend}")


def _plain(value: Any) -> Any:
    """Return a value as a YAML gives it: numbers of NumPy as numbers, arrays and tuples as lists."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _known(plan: LocatedPlan, graph: Graph, module: str | None) -> Iterator[Argument]:
    name = plan.plan.pipeline.name
    if module is not None or name is None:
        address = module or next(iter(plan.modules))
        record = plan.modules[address]
        for key, setting in _settings(record.module_name).items():
            yield Argument(key, record.settings.get(key), f"{address}.{key}", setting)
    else:
        yield from (_argument(plan, graph, key, place) for key, place in _all().get(name, {}).items())
    if len(graph.modules) == 1:
        (address,) = graph.modules
        yield Argument(BATCH_SIZE, plan.modules[address].batch_size, f"{address}.{BATCH_SIZE}", _BATCH)


def _argument(plan: LocatedPlan, graph: Graph, name: str, place: str | Mapping[str, str]) -> Argument:
    if not isinstance(place, str) and "setting" not in place:
        return _elsewhere(plan, graph, name, place)
    # Where the key of the YAML is another one, the pipeline hands the setting down.
    setting, written = (place, place) if isinstance(place, str) else (place["setting"], place["key"])
    address, _, key = setting.rpartition(".")
    record = plan.modules.get(address)
    if record is None:
        return Argument(name, None, written, None)
    return Argument(name, record.settings.get(key), written, _settings(record.module_name).get(key))


def _elsewhere(plan: LocatedPlan, graph: Graph, name: str, place: Mapping[str, str]) -> Argument:
    """Return an argument that is no setting of a module."""
    if _FIXED in place:
        return Argument(name, place[_FIXED], "", None)
    if "folder" in place:
        known = plan.plan.external.get(place["folder"])
        return Argument(name, None if known is None else known.dir, place["key"], None)
    if "op" in place:
        params = next((stage.params for stage in graph.stages.values() if stage.op == place["op"]), {})
        return Argument(name, params.get(place["key"].rpartition(".")[2]), place["key"], None)
    return Argument(name, place["module"] in graph.modules, place["key"], _SWITCH)


def _settings(task: str) -> Mapping[str, Setting]:
    contract = tasks.find(task)
    return {} if contract is None else contract.settings


def _is_same(value: Any, planned: Any) -> bool:
    if isinstance(value, bool) or isinstance(planned, bool):
        return value is planned
    if isinstance(value, Mapping) and isinstance(planned, Mapping):
        # JSON has texts for the numbers of classes.
        return {str(key): item for key, item in value.items()} == dict(planned)
    return bool(value == planned)


@cache
def _all() -> Mapping[str, Mapping[str, Any]]:
    path = Path(hpi_schemas.__file__).parent / "predict_arguments.yaml"
    found: Mapping[str, Mapping[str, Any]] = yaml_data.load(path.read_text(encoding="utf-8"))
    return found


def changes(plan: LocatedPlan, graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return where in the YAML a call asks for something else than the plan has, and for what.

    Args:
        plan: that is run.
        graph: of the whole pipeline.
        given: the arguments of ``predict`` by name; None asks for nothing.

    Returns:
        The values by the addresses of their keys.

    Raises:
        TypeError: PaddleX has no such argument here, or it cannot have this value.
        PlanError: only PaddleX itself can do this.
    """
    known = {item.name: item for item in _known(plan, graph, None)}
    found: dict[str, Any] = {}
    for name, value in given.items():
        item = _named(known, name)
        if not _is_asked(item, value):
            continue
        written = _check_value(item, value)
        if not item.key:
            raise _only_paddlex(item, written)
        found[item.key] = _plain(value)
    return found | _without_preprocessing(plan, given)


def _without_preprocessing(plan: LocatedPlan, given: Mapping[str, Any]) -> dict[str, bool]:
    """Return the switch of preprocessing, which PaddleX leaves out where a call names parts of it and turns on none."""
    parts = [given[name] for name in _PREPROCESSING if given.get(name) is not None]
    is_there = _PREPROCESSOR in plan.plan.pipeline.settings
    return {_PREPROCESSING_SWITCH: False} if is_there and parts and not any(parts) else {}
