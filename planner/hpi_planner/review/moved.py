"""What to say of modules and sub-pipelines that came or went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hpi_schemas import ops, tasks
from hpi_schemas.plan.model import Graph, Plan

from hpi_planner.review import phrases, rebuilds
from hpi_planner.review.differences import Change
from hpi_planner.review.names import pipeline_of
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.statements import Point, Statement
from hpi_planner.review.telling import Telling
from hpi_planner.review.wording import listed

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def came_and_went(telling: Telling, moved: Sequence[Change]) -> Iterator[Statement]:
    """Yield a statement for each module that came or went, and one for a sub-pipeline that did so whole."""
    groups: dict[tuple[str, bool], list[Change]] = {}
    for change in moved:
        is_new = change.old is ABSENT
        other = telling.old.plan if is_new else telling.new.plan
        pipeline = pipeline_of(change.address)
        is_whole = pipeline != "" and not any(item.startswith(f"{pipeline}.") for item in other.modules)
        groups.setdefault((_top(pipeline, other.modules) if is_whole else change.address, is_new), []).append(change)
    said: set[str] = set()
    for (address, is_new), group in groups.items():
        effects = [item for item in _effects(telling, [change.address for change in group], is_new) if item not in said]
        said.update(effects)
        yield _came_or_went(telling, address, group, effects)


def _top(pipeline: str, kept: Mapping[str, object]) -> str:
    """Return the outermost sub-pipeline of which nothing is kept."""
    parts = pipeline.split(".")
    for end in range(2, len(parts) + 1, 2):
        outer = ".".join(parts[:end])
        if not any(item.startswith(f"{outer}.") for item in kept):
            return outer
    return pipeline


def _came_or_went(telling: Telling, address: str, group: Sequence[Change], effects: Sequence[str]) -> Statement:
    is_new = group[0].old is ABSENT
    side = telling.new if is_new else telling.old
    addresses = tuple(change.address for change in group)
    is_module = address in addresses
    inputs = tuple(dict.fromkeys(item for change in group for item in change.inputs))
    reason, known = phrases.because(inputs), all(change.cause_known for change in group)
    number = _NUMBERS[len(group)] if len(group) < len(_NUMBERS) else str(len(group))
    models = "" if is_module else f" and its {number} {'model' if len(group) == 1 else 'models'}"
    what = f"{'is' if is_module else 'are'} {'new' if is_new else 'gone'}"
    engines = listed([f"{telling.names.short(item)} on {side.plan.modules[item].engine.backend}" for item in addresses])
    ran = f"it {'runs' if is_new else 'ran'} on {side.plan.modules[address].engine.backend}" if is_module else engines
    first = Point(f"{what} ({ran})", reason, "", known, tuple(group))
    more = [Point(effect, "", "", True, ()) for effect in effects]
    subject = f"{address.rpartition('.')[2] if not is_module else telling.names.short(address)}{models}"
    concerns = tuple(telling.names.short(item) for item in addresses)
    rebuilt = ""
    if is_new:
        both = (telling.old.plan.plan, telling.new.plan.plan)
        rebuilt = listed(list(filter(None, dict.fromkeys(rebuilds.told(*both, item) for item in addresses))))
    return Statement(subject, addresses, (first, *more), rebuilt, joint=" ", concerns=concerns)


def _effects(telling: Telling, addresses: Sequence[str], is_new: bool) -> Iterator[str]:
    """Yield what is done from now on, or no longer."""
    with_it, without = (telling.new, telling.old) if is_new else (telling.old, telling.new)
    adverb = "now" if is_new else "no longer"
    gone = _doing(with_it.plan.plan, addresses) - _doing(without.plan.plan, without.plan.modules)
    for effect in sorted(gone):
        yield effect.replace(" are ", f" are {adverb} ", 1)


def _doing(plan: Plan, addresses: Sequence[str] | Mapping[str, object]) -> set[str]:
    """Return what the tasks of some modules, and the operations of the graph, do."""
    contracts = [tasks.find(plan.modules[address].module_name) for address in addresses if address in plan.modules]
    names = set() if plan.graph is None else set(_ops(plan.graph))
    known = [*contracts, *(ops.find(name) for name in names)]
    return {contract.effect for contract in known if contract is not None} - {""}


def _ops(graph: Graph) -> Iterator[str]:
    for stage in graph.stages.values():
        if stage.each is not None:
            yield from _ops(stage.each)
        elif stage.op is not None:
            yield stage.op
