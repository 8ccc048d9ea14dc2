"""What to say of modules and sub-pipelines that came or went, and of what is no module: target, settings, stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hpi_schemas import ops, tasks
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import Graph, Plan

from hpi_planner.review import phrases, rebuilds
from hpi_planner.review.differences import Change
from hpi_planner.review.names import Names, pipeline_of
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.statements import Point, Statement
from hpi_planner.review.telling import Telling, mirrored
from hpi_planner.review.wording import counted, listed, value

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TOPS = {"target": "the target", "replicas": "the copies", "rules": "hpi-plan's rules", "format": "the plan's format"}
_HOST, _GRAPH, _EXTERNAL, _PIPELINE, _SOURCE = "host", "graph", "external", "pipeline", "source"


def told(telling: Telling, found: Sequence[Change]) -> list[Statement]:
    """Return every statement about a diff, unordered; each difference stands in one of them at most.

    What stands in none says only where values come from, or belongs to nothing that runs.
    """
    by_address: dict[str, list[Change]] = {}
    for change in found:
        by_address.setdefault(change.address, []).append(change)
    rest = by_address.pop("", [])
    moved = [group[0] for group in by_address.values() if group[0].key == "(module)"]
    statements = [*_moved(telling, moved)]
    for address, group in by_address.items():
        if group[0].key != "(module)":
            statement = telling.of_module(address, group)
            statements += [] if statement is None else [statement]
    return _with_rest(telling, statements, rest)


# -- modules that came or went -------------------------------------------------------------------


def _moved(telling: Telling, moved: Sequence[Change]) -> Iterator[Statement]:
    groups: dict[tuple[str, bool], list[Change]] = {}
    for change in moved:
        is_new = change.old is ABSENT
        other = telling.old.plan if is_new else telling.new.plan
        pipeline = pipeline_of(change.address)
        is_whole = pipeline != "" and not any(item.startswith(f"{pipeline}.") for item in other.modules)
        groups.setdefault((_top(pipeline, other.modules) if is_whole else change.address, is_new), []).append(change)
    for (address, is_new), group in groups.items():
        yield _came_or_went(telling, address, is_new, group)


def _top(pipeline: str, kept: Mapping[str, object]) -> str:
    """Return the outermost sub-pipeline of which nothing is kept."""
    parts = pipeline.split(".")
    for end in range(2, len(parts) + 1, 2):
        outer = ".".join(parts[:end])
        if not any(item.startswith(f"{outer}.") for item in kept):
            return outer
    return pipeline


def _came_or_went(telling: Telling, address: str, is_new: bool, group: Sequence[Change]) -> Statement:
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
    effects = list(_effects(telling, addresses, is_new))
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


# -- what is no module ---------------------------------------------------------------------------


def _with_rest(telling: Telling, statements: list[Statement], rest: Sequence[Change]) -> list[Statement]:
    """Put each difference of the rest below the statement that it follows from, or into one of its own."""
    own: dict[str, list[Change]] = {}
    # What says who runs the pipeline comes first: settings, stages and configuration follow from it.
    for change in sorted(rest, key=lambda item: (item.path != (_HOST,), item.path)):
        place = _follows(change, statements)
        if place is not None:
            statements[place] = _extended(statements[place], change)
        elif change.path[0] in (_SOURCE, "must_understand") or change.impact == Impact.COSMETIC:
            own.setdefault("", []).append(change)
        elif change.path == (_HOST,):
            statements.append(_hosted(telling, change))
        else:
            own.setdefault(_subject(telling.names, change), []).append(change)
    silent = own.pop("", [])
    statements += [_about(telling, subject, group) for subject, group in own.items()]
    for change in silent:
        place = _follows(change, statements)
        if place is not None:
            statements[place] = _extended(statements[place], change)
    return statements


def _follows(change: Change, statements: Sequence[Statement]) -> int | None:
    """Return the number of the statement that a difference follows from, None if it stands for itself."""
    if change.path[0] == "target":
        return None
    for number, statement in enumerate(statements):
        if mirrored(change, statement.changes) is not None:
            return number
    for number, statement in enumerate(statements):
        inputs = {item for other in statement.changes for item in other.inputs}
        is_moved = statement.joint == " "
        if change.inputs and set(change.inputs) <= inputs and (is_moved or change.path[0] in (_GRAPH, _SOURCE, _HOST)):
            return number
        if not change.cause_known and change.path[0] == _GRAPH and is_moved:
            return number
    return None


def _extended(statement: Statement, change: Change) -> Statement:
    first, *others = statement.points
    return replace(statement, points=(replace(first, changes=(*first.changes, change)), *others))


def _hosted(telling: Telling, change: Change) -> Statement:
    host = telling.new.plan.plan.host
    what = "hpi-run's own stages run it" if host is None else f"PaddleX {host.version} runs it around these engines"
    point = Point(what, phrases.because(change.inputs), _runs(telling.old.plan.plan), change.cause_known, (change,))
    return Statement("the pipeline", (), (point,))


def _runs(plan: Plan) -> str:
    if plan.host is not None:
        return f"PaddleX {plan.host.version}"
    return "nothing ran it as a whole" if plan.graph is None else "hpi-run's own stages"


def _subject(names: Names, change: Change) -> str:
    top = change.path[0]
    if top == _EXTERNAL and len(change.path) > 1:
        return names.short(change.path[1])
    if top == _HOST:
        return "PaddleX"
    if top == _GRAPH:
        return "the stages"
    if top == _PIPELINE:
        address = change.path[2] if len(change.path) > 2 else ""
        return address.rpartition(".")[2] or "the pipeline"
    return _TOPS.get(top, f"the plan's {top}")


def _about(telling: Telling, subject: str, group: Sequence[Change]) -> Statement:
    points, concerns = [], []
    for change in group:
        concerned = _concerned(telling, change)
        concerns += concerned if change.impact > Impact.PERFORMANCE else []
        reason = "" if change.path[0] == "target" else phrases.because(change.inputs)
        points.append(Point(_said(change, concerned), reason, "", change.cause_known, (change,)))
    return Statement(subject, (), tuple(points), _rebuilt(telling, group), concerns=tuple(dict.fromkeys(concerns)))


def _rebuilt(telling: Telling, group: Sequence[Change]) -> str:
    """Say what another machine makes necessary to prepare again."""
    if not any(change.path[0] == "target" for change in group):
        return ""
    old, new = telling.old.plan.plan, telling.new.plan.plan
    said = (rebuilds.told(old, new, address) for address in new.modules if address in old.modules)
    return listed(list(filter(None, dict.fromkeys(said))))


def _concerned(telling: Telling, change: Change) -> list[str]:
    """Return the modules that a fact of the target concerns: those that it runs or prepares."""
    if change.path[0] != "target" or len(change.path) < 2:
        return []
    modules = telling.new.plan.modules
    if change.path[1] in ("backends", "tools") and len(change.path) > 2:
        name = change.path[2]
        found = [
            address
            for address, module in modules.items()
            if any(name in (engine.backend, *(step.tool for step in engine.prepare)) for engine in module.engines)
        ]
    elif change.path[1] in ("gpus", "cuda", "driver"):
        found = [address for address, module in modules.items() if module.device.kind == "gpu"]
    elif change.path[1] in ("arch", "cpu_features", "hosts"):
        found = list(modules)
    else:
        found = []
    return [telling.names.short(address) for address in found]


def _said(change: Change, concerned: Sequence[str]) -> str:
    top, rest = change.path[0], change.path[1:]
    if top == "target":
        return phrases.of_target(change, concerned)
    arrow = f"{value(change.old)} → {value(change.new)}"
    if change.path == (_HOST, "version"):
        return arrow
    if top == _GRAPH and rest[:1] == ("stages",) and len(rest) == 2:
        return f"`{rest[1]}` is {'new' if change.old is ABSENT else 'gone'}"
    if top == _EXTERNAL and len(rest) == 1:
        return f"is {'new' if change.old is ABSENT else 'gone'} outside of the engines"
    if top == "replicas":
        return f"on {arrow}"
    shown = {_PIPELINE: rest[2:], _EXTERNAL: rest[1:], _HOST: rest[1:]}.get(top, rest)
    return f"`{'.'.join(shown) or top}` {arrow}"


def left_over(found: Sequence[Change], statements: Sequence[Statement]) -> str:
    """Say how many differences no statement stands for; empty if none are left."""
    said = {id(change) for statement in statements for change in statement.changes}
    number = sum(id(change) not in said for change in found)
    return f"{counted(number, 'difference changes', 'differences change')} nothing that runs" if number else ""
