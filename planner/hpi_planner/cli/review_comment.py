"""hpi-review comment: one comment about all plans that a pull request changes, adds, takes away or leaves stale."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hpi_schemas.command_line import Commands
from hpi_schemas.console import DONE, NEGATIVE, WRONG, say
from hpi_schemas.console import show as show_text
from hpi_schemas.impact import Impact

from hpi_planner.cli import review_diff
from hpi_planner.request import RequestError
from hpi_planner.review import check, measured, origins, plans, report
from hpi_planner.review.origins import Origins
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.render import comment, markdown
from hpi_planner.review.render.escaping import code, escape, prose
from hpi_planner.review.said import Sources
from hpi_planner.review.view import view


@dataclass(frozen=True)
class _Part:
    """What a comment has of one plan.

    Attributes:
        write: returns it in at most so many characters.
        exit_code: that it means for the command.
    """

    write: Callable[[int], str]
    exit_code: int = DONE


@dataclass(frozen=True)
class _Sides:
    """A plan as it was in the base and as it is here.

    Attributes:
        name: its file.
        old, new: None where there is none.
        fault: why one of them cannot be read, empty if nothing is wrong.
    """

    name: str
    old: ReviewedPlan | None
    new: ReviewedPlan | None
    fault: str = ""


def add(commands: Commands) -> None:
    """Add the command."""
    told = commands.add("comment", help="one comment about all plans that differ from a revision, as Markdown")
    told.add_argument("plans", nargs="+", metavar="PLAN", help="those of the working tree, and those that are gone")
    told.add_argument("--base", required=True, metavar="REVISION", help="the git revision to compare with")
    review_diff.add_evidence(told)
    told.set_defaults(run=_comment)


def _comment(options: argparse.Namespace) -> int:
    sides = [_sides(name, options.base) for name in options.plans]
    parts = [part for pair in _renamed(sides) for part in _parts(pair, options)]
    if parts:
        limit = comment.LIMIT // len(parts) - len(parts)
        show_text("\n".join(part.write(limit) for part in parts))
    return max((part.exit_code for part in parts), default=DONE)


def _sides(name: str, base: str) -> _Sides:
    """Read a plan as it was and as it is."""
    try:
        old = _load(f"{base}:./{name}" if not Path(name).is_absolute() else f"{base}:{name}")
        new = plans.load(name) if Path(name).exists() else None
    except RequestError as fault:
        return _Sides(name, None, None, str(fault))
    return _Sides(name, old, new, "" if old or new else f"{name} is neither here nor in {base}")


def _renamed(sides: Sequence[_Sides]) -> list[_Sides]:
    """Return the sides, a plan that is gone and a new one of the same YAML as one."""
    pairs: list[_Sides] = []
    gone = [side for side in sides if side.old is not None and side.new is None]
    for side in sides:
        if side.new is not None and side.old is None:
            source = side.new.plan.source
            other = next((item for item in gone if item.old and item.old.plan.source.file == source.file), None)
            if other is not None:
                gone.remove(other)
                side = replace(side, old=other.old)
        pairs.append(side)
    # Those that are gone and belong to a new one were told with it.
    return [side for side in pairs if side.fault or side.new is not None or side in gone]


def _parts(side: _Sides, options: argparse.Namespace) -> Iterator[_Part]:
    """Yield what is to be said of a plan; nothing if it is as it was and follows from its YAML."""
    if side.fault:
        say("hpi-review", side.fault)
        told = f"### {code(side.name)}: cannot be read\n\n{escape(side.fault)}\n"
        yield _Part(lambda limit: told[:limit], WRONG)
        return
    try:
        if side.new is None:
            yield _Part(lambda limit: f"### {code(side.name)}: gone\n"[:limit])
        elif side.old is None:
            yield from _first(side.name, side.new)
        else:
            yield from _changed(side.name, side.old, side.new, options)
    except RequestError as fault:
        yield from _parts(replace(side, fault=str(fault)), options)


def _load(name: str) -> ReviewedPlan | None:
    """Return a plan of a revision, None if the revision has none there."""
    place = plans.place(name)
    try:
        data = place.read()
    except plans.ReviewError:
        return None
    return plans.parse(place, data)


def _first(name: str, new: ReviewedPlan) -> Iterator[_Part]:
    after = origins.origins(new)
    sources = None if after.inputs is None else Sources(after.inputs.request())
    shown = markdown.show(view(new.plan, sources))
    head = f"### {code(name)}: new\n\n<details><summary>what is in it</summary>\n\n"
    yield _Part(lambda limit: comment.fitting(f"{head}{shown}\n</details>\n", limit))
    if after.follows is not True:
        yield _stale(name, after)


def _changed(name: str, old: ReviewedPlan, new: ReviewedPlan, options: argparse.Namespace) -> Iterator[_Part]:
    after = origins.origins(new)
    before = origins.origins(old)
    if old.text != new.text:
        ran, measurements = review_diff.evidence(options)
        # Each stands beside the plans that it is of.
        ran = [item for item in ran if item.record.plan in (old.digest, new.digest)]
        if measurements is not None:
            fitting = tuple(item for item in measurements.comparisons if measured.is_of(item[1], old, new))
            measurements = replace(measurements, comparisons=fitting)
        found = report.report(old, new, before, after, ran, measurements)
        links = review_diff.links(options.permalink, after)
        fails = review_diff.fails(options, found)
        yield _Part(lambda limit: comment.comment(found, links, limit), NEGATIVE if fails else DONE)
    # Whose YAML never was there cannot be checked by anybody.
    if after.follows is False or (after.follows is None and before.follows is not None):
        yield _stale(name, after)


def _stale(name: str, after: Origins) -> _Part:
    if after.missing:
        told = f"### {code(name)}: cannot be checked\n\n✗ {prose(after.missing)} is not at hand.\n"
        return _Part(lambda limit: told[:limit], NEGATIVE)
    checked = check.check(name, trust_models=True)
    head = f"### {code(name)}: stale\n\n✗ It does not follow from its YAML: `hpi-plan --check` says so.\n"
    what = "" if checked.compiled else "\nThe YAML does not compile.\n"
    lines = "".join(f"\n- {prose(item.sentence)}" for item in checked.statements if item.impact > Impact.COSMETIC)
    return _Part(lambda limit: comment.fitting(f"{head}{what}{lines}\n", limit), NEGATIVE)
