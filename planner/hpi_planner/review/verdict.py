"""The questions of a reviewer, each answered in a line where a diff touches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpi_schemas.impact import Impact
from hpi_schemas.run_record import RunRecord

from hpi_planner.review import exchanges, rebuilds, verify
from hpi_planner.review.differences import Change, worst
from hpi_planner.review.exchanges import InputChange
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.said import Said
from hpi_planner.review.statements import Statement
from hpi_planner.review.telling import Side, Telling
from hpi_planner.review.wording import counted, listed, value

GOOD, LOOK, BAD, UNKNOWN, PLAIN = "✓", "⚠", "✗", "?", "·"
_MOST = 6


@dataclass(frozen=True)
class Answer:
    """One question and its answer.

    Attributes:
        question: as a reviewer asks it.
        mark: ``GOOD``, ``LOOK``, ``BAD``, ``UNKNOWN`` or ``PLAIN``; the words say the same.
        text: the answer.
        said: the places that it names.
    """

    question: str
    mark: str
    text: str
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Ran:
    """The record of a run, and what it is called."""

    name: str
    record: RunRecord


def answers(
    telling: Telling,
    found: Sequence[Change],
    statements: Sequence[Statement],
    follows: bool | None,
    ran: Sequence[Ran] = (),
) -> list[Answer]:
    """Return an answer to every question that a diff touches.

    Args:
        telling: the two plans.
        found: what differs.
        statements: about that.
        follows: the new plan follows from its YAML, None where that is not at hand.
        ran: records of runs.
    """
    told = [_what(found, statements)]
    if found:
        told += [*_where(found), *_lost(statements), _numbers(found, statements), _device(telling, found, statements)]
        told += [_rebuilt(telling), *_backends(telling, statements)]
    return [*told, _follows(telling.new, follows), *(_ran(telling, item) for item in ran)]


def _what(found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    if not found:
        return Answer("What changed?", GOOD, "nothing")
    if not statements:
        return Answer("What changed?", GOOD, "nothing that runs")
    return Answer("What changed?", PLAIN, "; ".join(map(_brief, statements)))


def _brief(statement: Statement) -> str:
    points = ", ".join(point.what for point in statement.points)
    return f"{statement.subject} {points}" if statement.joint == " " else f"{statement.subject} ({points})"


def _where(found: Sequence[Change]) -> Iterator[Answer]:
    question = "Where was it set?"
    told = list(dict.fromkeys(item for change in found for item in change.inputs))
    if told:
        shown = [_place(item) for item in told[:_MOST]]
        more = [f"{len(told) - _MOST} more places"] if len(told) > _MOST else []
        said = [Said(str(item.spot), item.spot, item.new, "", True) for item in told[:_MOST] if item.spot is not None]
        yield Answer(question, PLAIN, "; ".join([*shown, *more]), tuple(said))
    elif found:
        kinds = list(dict.fromkeys(cause for change in found for cause in change.causes))
        yield Answer(question, UNKNOWN, f"the sources are not at hand; by the origins: {listed(kinds) or 'unknown'}")


def _place(item: InputChange) -> str:
    arrow = f"{value(item.old)} → {value(item.new)}"
    if item.kind == exchanges.SOURCE and item.spot is not None:
        return f"{item.spot.file}:{item.spot.line} `{item.what}` {arrow}"
    if item.kind == exchanges.OVERRIDE:
        return f"the command line, `{item.what}`{' is gone' if item.new is ABSENT else ''}"
    if item.kind == exchanges.MODEL:
        files = [name for name in item.new if item.old.get(name) != item.new[name]]
        return f"the model folder of {item.what.rpartition('.')[2]}: {listed([f'`{name}`' for name in files])}"
    if item.kind == exchanges.PROFILE and item.old == item.new:
        return f"the profile {item.new}, measured again"
    return f"the {item.kind}, `{item.what}` {arrow}" if item.kind == exchanges.TARGET else f"{item.what}, {arrow}"


def _lost(statements: Sequence[Statement]) -> Iterator[Answer]:
    said = {
        (item.place, value(item.value)): (point.changes[0].key.rpartition(".")[2], item)
        for statement in statements
        for point in statement.points
        for item in point.said
        if not item.wins
    }
    if said:
        shown = [f"`{key}` {value(item.value)} at {item.place}" for key, item in said.values()][:_MOST]
        more = [f"{len(said) - _MOST} more"] if len(said) > _MOST else []
        yield Answer("Who lost?", PLAIN, "; ".join([*shown, *more]), tuple(item for _, item in said.values())[:_MOST])


def _numbers(found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    question, greatest = "Are numbers affected?", worst(found) or Impact.COSMETIC
    if greatest < Impact.NUMERICS_POSSIBLE:
        return Answer(question, GOOD, "no")
    fitting = [statement for statement in statements if statement.impact == greatest]
    who = list(dict.fromkeys(name for item in fitting for name in (item.concerns or (item.subject,))))
    if greatest == Impact.NUMERICS_POSSIBLE:
        return Answer(question, LOOK, f"they may change in their last digits: {listed(who)}")
    return Answer(question, LOOK, f"they may change: {listed(who)}")


def _device(telling: Telling, found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    moved: dict[str, list[str]] = {}
    for statement in statements:
        if statement.device not in ("", "same device"):
            moved.setdefault(statement.device, []).extend(statement.concerns)
    told = [f"{listed(same)} {device}" for device, same in moved.items()]
    copies = [f"copies on {value(change.new)}" for change in found if change.path[0] == "replicas"]
    if told or copies:
        return Answer("Which device?", LOOK, "; ".join([*told, *copies]))
    devices = sorted({str(module.device) for module in telling.new.plan.modules.values()})
    return Answer("Which device?", GOOD, f"the same: {listed(devices) or 'none'}")


def _rebuilt(telling: Telling) -> Answer:
    old, new = telling.old.plan.plan, telling.new.plan.plan
    groups: dict[str, list[str]] = {}
    for address in new.modules:
        groups.setdefault(rebuilds.told(old, new, address), []).append(telling.names.short(address))
    groups.pop("", None)
    question = "Must engines be rebuilt?"
    if not groups:
        return Answer(question, GOOD, "no")
    return Answer(question, LOOK, "; ".join(f"{listed(same)}: {told}" for told, same in groups.items()))


def _backends(telling: Telling, statements: Sequence[Statement]) -> Iterator[Answer]:
    old, new = telling.old.plan.modules, telling.new.plan.modules
    touched = [address for statement in statements for address in statement.addresses if address in new]
    chosen = [
        address
        for address in touched
        if address not in old or old[address].engine.backend != new[address].engine.backend
    ]
    for (backend, why), same in _grouped(telling, chosen).items():
        yield Answer(f"Why {backend}?", PLAIN, f"{listed(same)}: {why}")
    lost: dict[tuple[str, str], list[str]] = {}
    for address in chosen:
        before = old[address].engine.backend if address in old else None
        reason = telling.new.words.not_chosen(address).get(before or "")
        if before is not None and reason is not None:
            lost.setdefault((before, reason), []).append(telling.names.short(address))
    for (before, reason), same in lost.items():
        yield Answer(f"Why not {before}?", PLAIN, f"{listed(same)}: {reason}")


def _grouped(telling: Telling, addresses: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for address in addresses:
        backend = telling.new.plan.modules[address].engine.backend
        told = telling.new.words.backend(address)
        groups.setdefault((backend, told), []).append(telling.names.short(address))
    return groups


def _follows(side: Side, follows: bool | None) -> Answer:
    question = "Does the plan follow from its YAML?"
    if follows is None:
        return Answer(question, UNKNOWN, "its YAML is not at hand")
    if follows:
        return Answer(question, GOOD, "yes, with the models as it records them")
    return Answer(question, BAD, f"no: `hpi-plan --check {side.plan.place.path}` says what it would be")


def _ran(telling: Telling, item: Ran) -> Answer:
    record, question = item.record, "Did production run it?"
    machine = f" on {record.machine.name}" if record.machine.name else ""
    where = f"{item.name}, {record.times.started} to {record.times.ended}{machine}"
    for side, which in ((telling.new, "the new plan"), (telling.old, "the old plan")):
        if record.plan != side.plan.digest:
            continue
        differences = verify.differences(side.plan, record)
        mark = BAD if differences else GOOD if side is telling.new else LOOK
        if not differences:
            return Answer(question, mark, f"{which} ran, as it says ({where})")
        first = differences[0]
        told = f"{first.address or 'the run'}: {first.what} was {value(first.ran)}, not {value(first.planned)}"
        more = (
            f", and {counted(len(differences) - 1, 'more difference', 'more differences')}" if differences[1:] else ""
        )
        return Answer(question, mark, f"{which} ran, but not as it says: {told}{more} ({where})")
    return Answer(question, LOOK, f"neither of the two plans: another one ran ({where})")
