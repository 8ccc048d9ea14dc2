"""What to say of a whole diff: of modules, and of what is no module: target, settings, stages, host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import Plan

from hpi_planner.review import phrases, rebuilds, wording
from hpi_planner.review.differences import Change
from hpi_planner.review.exchanges import InputChange
from hpi_planner.review.moved import came_and_went
from hpi_planner.review.names import Names
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.statements import Point, Statement
from hpi_planner.review.telling import Telling
from hpi_planner.review.view import elsewhere
from hpi_planner.review.wording import listed

_TOPS = {"target": "the target", "replicas": "the copies", "rules": "hpi-plan's rules", "format": "the plan's format"}
# Parts of a plan that repeat what others decide.
_REPEATING = ("graph", "source", "host", "must_understand")
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
    statements = [*came_and_went(telling, moved)]
    for address, group in by_address.items():
        if group[0].key != "(module)":
            statement = telling.of_module(address, group)
            statements += [] if statement is None else [statement]
    return _with_versions(_with_rest(telling, statements, rest))


def _with_versions(statements: list[Statement]) -> list[Statement]:
    """Let what is said of a module count what the target's statement says of it."""
    touched = {
        name
        for statement in statements
        for name in statement.concerns
        if not statement.addresses and statement.impact == Impact.NUMERICS_POSSIBLE
    }
    return [
        replace(statement, at_least=Impact.NUMERICS_POSSIBLE)
        if statement.addresses and touched.intersection(statement.concerns)
        else statement
        for statement in statements
    ]


def _with_rest(telling: Telling, statements: list[Statement], rest: Sequence[Change]) -> list[Statement]:
    """Put each difference of the rest below the statement that it follows from, or into one about its part."""
    silent = []
    told = _Told(statements)
    for change in sorted(rest, key=lambda item: (_order(item), item.path)):
        place = None if change.path == (_HOST,) else told.follows(change)
        if place is not None:
            told.extend(place, change)
        elif change.path == (_HOST,):
            # Stages and configuration follow from who runs the pipeline.
            told.append(_hosted(telling, change))
        elif change.path[0] == _SOURCE or change.impact == Impact.COSMETIC:
            silent.append(change)
        else:
            _add(telling, told, change)
    for change in silent:
        place = told.follows(change)
        if place is not None:
            told.extend(place, change)
    return told.statements


class _Told:
    """The statements so far, and which of them says what."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements: list[Statement] = []
        self._values: dict[tuple[str, str, str], list[tuple[int, Change]]] = {}
        self._inputs: dict[InputChange, list[int]] = {}
        for statement in statements:
            self.append(statement)

    def append(self, statement: Statement) -> None:
        self.statements.append(statement)
        for change in statement.changes:
            self._note(len(self.statements) - 1, change)

    def extend(self, place: int, change: Change) -> None:
        self.statements[place] = _extended(self.statements[place], change)
        self._note(place, change)

    def put(self, place: int, statement: Statement, change: Change) -> None:
        self.statements[place] = statement
        self._note(place, change)

    def _note(self, place: int, change: Change) -> None:
        self._values.setdefault(_value_of(change), []).append((place, change))
        for item in change.inputs:
            self._inputs.setdefault(item, []).append(place)

    def follows(self, change: Change) -> int | None:
        """Return the number of the statement that a difference follows from, None if it stands for itself."""
        if change.path[0] == "target":
            return None
        for place, other in self._values.get(_value_of(change), ()):
            if not change.inputs or not other.inputs or set(change.inputs) & set(other.inputs):
                return place
        for place in sorted({place for item in change.inputs for place in self._inputs.get(item, ())}):
            is_moved = _is_moved(self.statements[place])
            known = {item for other in self.statements[place].changes for item in other.inputs}
            if set(change.inputs) <= known and (is_moved or change.path[0] in _REPEATING):
                return place
        if not change.cause_known and change.path[0] == _GRAPH:
            return next((place for place, item in enumerate(self.statements) if _is_moved(item)), None)
        return None


def _value_of(change: Change) -> tuple[str, str, str]:
    return change.path[-1], repr(change.old), repr(change.new)


def _is_moved(statement: Statement) -> bool:
    """Tell whether a statement is of what came or went, or of who runs the pipeline: the rest follows from that."""
    return statement.joint == " " or any(
        point.changes[:1] and point.changes[0].path == (_HOST,) for point in statement.points
    )


def _order(change: Change) -> int:
    """Return who comes first: what others only repeat comes later."""
    parts = [_PIPELINE, _EXTERNAL, _GRAPH]
    if change.path == (_HOST,):
        return 0
    return 1 + parts.index(change.path[0]) if change.path[0] in parts else len(parts) + 1


def _add(telling: Telling, told: _Told, change: Change) -> None:
    """Add a difference to the statement about its part of the plan, or begin one."""
    subject, found = _subject(telling.names, change), _about(telling, change)
    for place, statement in enumerate(told.statements):
        if not statement.addresses and statement.subject == subject:
            concerns = tuple(dict.fromkeys((*statement.concerns, *found.concerns)))
            rebuilt = listed(list(dict.fromkeys(filter(None, (statement.rebuilt, found.rebuilt)))))
            points = (*statement.points, *found.points)
            told.put(place, replace(statement, points=points, concerns=concerns, rebuilt=rebuilt), change)
            return
    told.append(replace(found, subject=subject))


def _extended(statement: Statement, change: Change) -> Statement:
    first, *others = statement.points
    return replace(statement, points=(replace(first, changes=(*first.changes, change)), *others))


def _hosted(telling: Telling, change: Change) -> Statement:
    host = telling.new.plan.plan.host
    what = "hpi-run's own stages run it"
    if host is not None:
        lacks = telling.new.plan.plan.target.hosts.get(host.name, host.version) is None
        what = (
            f"PaddleX {host.version} runs it around these engines{', which the target does not have' if lacks else ''}"
        )
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
        return "PaddleX's configuration"
    if top == _GRAPH:
        return "the stages"
    if top == _PIPELINE:
        address = change.path[2] if len(change.path) > 2 else ""
        return address.rpartition(".")[2] or "the pipeline"
    return _TOPS.get(top, f"the plan's {top}")


def _about(telling: Telling, change: Change) -> Statement:
    concerned = _concerned(telling, change)
    reason = "" if change.path[0] == "target" else phrases.because(change.inputs)
    point = Point(_said(telling, change, concerned), reason, "", change.cause_known, (change,))
    concerns = tuple(concerned) if change.impact > Impact.PERFORMANCE else ()
    return Statement("", (), (point,), _rebuilt(telling, [change]), concerns=concerns)


def _rebuilt(telling: Telling, group: Sequence[Change]) -> str:
    """Say what another machine makes necessary to prepare again."""
    if not any(change.path[0] in ("target", "replicas") for change in group):
        return ""
    old, new = telling.old.plan.plan, telling.new.plan.plan
    said = (rebuilds.told(old, new, address) for address in new.modules if address in old.modules)
    return listed(list(filter(None, dict.fromkeys(said))))


def _concerned(telling: Telling, change: Change) -> list[str]:
    """Return the modules that a fact of the target concerns: those that it runs or prepares."""
    if change.path[0] == "replicas":
        return [telling.names.short(address) for address in telling.new.plan.modules]
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
    elif change.path[1] in ("arch", "cpu_features"):
        found = list(modules)
    else:
        found = []
    return [telling.names.short(address) for address in found]


def _said(telling: Telling, change: Change, concerned: Sequence[str]) -> str:
    top, rest = change.path[0], change.path[1:]
    if top == "target":
        return phrases.of_target(change, concerned)
    arrow = wording.arrow(change.old, change.new)
    if change.path == (_HOST, "version"):
        return arrow
    if top == _GRAPH and rest[:1] == ("stages",) and len(rest) == 2:
        return f"`{rest[1]}` is {'new' if change.old is ABSENT else 'gone'}"
    if top == _EXTERNAL and len(rest) == 1:
        if change.new is ABSENT:
            return "gone"
        return f"new: {elsewhere(telling.new.plan.plan.external[rest[0]], telling.new.plan.plan)}"
    if top == "replicas":
        return f"on {_copies(change.new)} (before: {_copies(change.old)})"
    shown = {_PIPELINE: rest[2:], _EXTERNAL: rest[1:], _HOST: rest[1:]}.get(top, rest)
    return f"`{'.'.join(shown) or top}` {arrow}"


def _copies(numbers: Any) -> str:
    return listed([f"gpu:{number}" for number in numbers]) if isinstance(numbers, list) and numbers else "one device"


def left_over(found: Sequence[Change], statements: Sequence[Statement]) -> tuple[Change, ...]:
    """Return the differences that no statement stands for."""
    said = {id(change) for statement in statements for change in statement.changes}
    return tuple(change for change in found if id(change) not in said)
