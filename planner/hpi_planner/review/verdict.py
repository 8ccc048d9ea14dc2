"""The questions of a reviewer, each answered in a line where a diff touches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hpi_schemas.feature_index import FILES
from hpi_schemas.impact import Impact
from hpi_schemas.run_record import RunRecord

from hpi_planner.review import exchanges, rebuilds, verify, wording
from hpi_planner.review.differences import Change, worst
from hpi_planner.review.exchanges import InputChange
from hpi_planner.review.measured import Finding
from hpi_planner.review.origins import Origins
from hpi_planner.review.paths import ABSENT
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
    """

    question: str
    mark: str
    text: str


@dataclass(frozen=True)
class Ran:
    """The record of a run, and what it is called."""

    name: str
    record: RunRecord


def mark_of(finding: Finding) -> str:
    """Return the mark of something measured."""
    if finding.is_good is None:
        return UNKNOWN
    return GOOD if finding.is_good else BAD


def answers(
    telling: Telling,
    found: Sequence[Change],
    statements: Sequence[Statement],
    before: Origins,
    after: Origins,
    idle: Sequence[str] = (),
    ran: Sequence[Ran] = (),
) -> list[Answer]:
    """Return an answer to every question that a diff touches.

    Args:
        telling: the two plans.
        found: what differs.
        statements: about that.
        before, after: where the two plans come from.
        idle: edits without effect.
        ran: records of runs.
    """
    told = [_what(found, statements)]
    if found:
        told += [
            *_where(found, statements, before, after),
            *_lost(statements),
            _numbers(found, statements),
            _device(telling, found, statements),
        ]
        told += [_rebuilt(telling), *_backends(telling, statements)]
    if idle:
        told.append(Answer("Which edits have no effect?", LOOK, "; ".join(idle)))
    if after.follows is False:
        told = list(map(_doubted, told))
    return [*told, _follows(telling.new, after), *(_ran(telling, item) for item in ran)]


def _doubted(answer: Answer) -> Answer:
    """Return an answer that does not reassure: what a stale plan says of itself need not be so."""
    if answer.mark != GOOD:
        return answer
    return replace(answer, mark=UNKNOWN, text=f"{answer.text}, by a plan that is stale")


def _what(found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    if not found:
        return Answer("What changed?", GOOD, "nothing")
    if not statements:
        return Answer("What changed?", GOOD, "nothing that runs")
    return Answer("What changed?", PLAIN, "; ".join(map(_brief, statements)))


def _brief(statement: Statement) -> str:
    points = ", ".join(point.what for point in statement.points)
    return f"{statement.subject} {points}" if statement.joint == " " else f"{statement.subject} ({points})"


def _where(
    found: Sequence[Change], statements: Sequence[Statement], before: Origins, after: Origins
) -> Iterator[Answer]:
    question = "Where was it set?"
    told = list(dict.fromkeys(item for change in found for item in change.inputs))
    if told:
        shown = told if len(told) <= _MOST + 2 else told[:_MOST]
        more = [f"{len(told) - len(shown)} more places"] if len(told) > len(shown) else []
        yield Answer(question, PLAIN, "; ".join([*map(_place, shown), *more]))
    elif found:
        stale = [name for name, side in (("old", before), ("new", after)) if side.follows is False]
        lost = list(dict.fromkeys(side.missing for side in (before, after) if side.missing))
        why = f"the {listed(stale)} plan is stale" if stale else f"{listed(lost)} is not at hand"
        reasons = list(dict.fromkeys(point.because for item in statements for point in item.points if point.because))
        guess = f"; by what the plans say: {'; '.join(reasons[:_MOST])}" if reasons else ""
        yield Answer(question, UNKNOWN, f"not known for sure, for {why}{guess}")


def _place(item: InputChange) -> str:
    arrow = wording.arrow(item.old, item.new)
    if item.kind == exchanges.SOURCE and item.spot is not None:
        return f"{item.spot.file}:{item.spot.line} `{item.what}` {arrow}"
    if item.kind == exchanges.OVERRIDE:
        if item.new is ABSENT:
            return f"the command line, `{item.what}` is gone"
        return f"the command line, `{item.what}`{'' if item.old is ABSENT else f' (before: {value(item.old)})'}"
    if item.kind == exchanges.MODEL:
        files = [name for name in item.new if item.old.get(name) != item.new[name]]
        folder = "folder" if set(item.new) == set(FILES) else "model folder"
        return f"the {folder} of {item.what.rpartition('.')[2]}: {listed([f'`{name}`' for name in files])}"
    if item.kind == exchanges.PROFILE:
        if item.what.startswith("--"):
            return f"the command line, `{item.what}` {arrow}"
        if item.old is None:
            return f"the command line, `--profile {item.new}`"
        return f"the profile {item.new}, measured again" if item.old == item.new else f"the profile, {arrow}"
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
        yield Answer("Who lost?", PLAIN, "; ".join([*shown, *more]))


def _numbers(found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    question = "Are numbers affected?"
    if (worst(found) or Impact.COSMETIC) < Impact.NUMERICS_POSSIBLE:
        return Answer(question, GOOD, "no")
    may, little = (_affected(statements, impact) for impact in (Impact.NUMERICS, Impact.NUMERICS_POSSIBLE))
    little = [name for name in little if name not in may]
    parts = [f"they may change: {listed(may)}"] if may else []
    if little:
        parts.append(f"{'' if may else 'they may change '}in their last digits: {listed(little)}")
    return Answer(question, LOOK, "; ".join(parts) or "they may change")


def _affected(statements: Sequence[Statement], impact: Impact) -> list[str]:
    fitting = [item for item in statements if max(item.impact, item.at_least) == impact]
    # A sub-pipeline that came or went is named by itself, not by its models.
    named = [(item.subject,) if item.joint == " " else item.concerns or (item.subject,) for item in fitting]
    return list(dict.fromkeys(name for names in named for name in names))


def _device(telling: Telling, found: Sequence[Change], statements: Sequence[Statement]) -> Answer:
    moved: dict[str, list[str]] = {}
    for statement in statements:
        if statement.device not in ("", "same device"):
            moved.setdefault(statement.device, []).extend(statement.concerns)
    told = [f"{listed(same)} {device}" for device, same in moved.items()]
    copies = [
        f"{statement.subject} {point.what}"
        for statement in statements
        for point in statement.points
        if any(change.path[0] == "replicas" for change in point.changes)
    ]
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


def _follows(side: Side, origins: Origins) -> Answer:
    question = "Does the plan follow from its YAML?"
    if origins.follows is None:
        return Answer(question, UNKNOWN, f"not known, for {origins.missing} is not at hand")
    if origins.follows:
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
