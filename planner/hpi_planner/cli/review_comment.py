"""hpi-review comment: one comment about all plans that a pull request changes, adds, takes away or leaves stale."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hpi_schemas.command_line import Commands
from hpi_schemas.console import DONE, NEGATIVE, WRONG, say
from hpi_schemas.console import show as show_text
from hpi_schemas.impact import Impact

from hpi_planner.cli import review_diff
from hpi_planner.request import RequestError
from hpi_planner.review import check, inputs, measured, plans, report
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.render import comment, markdown
from hpi_planner.review.render.escaping import code, escape, prose
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


def add(commands: Commands) -> None:
    """Add the command."""
    told = commands.add("comment", help="one comment about all plans that differ from a revision, as Markdown")
    told.add_argument("plans", nargs="+", metavar="PLAN", help="those of the working tree, and those that are gone")
    told.add_argument("--base", required=True, metavar="REVISION", help="the git revision to compare with")
    review_diff.add_evidence(told)
    told.set_defaults(run=_comment)


def _comment(options: argparse.Namespace) -> int:
    parts = [part for name in options.plans for part in _parts(name, options)]
    if parts:
        limit = comment.LIMIT // len(parts) - len(parts)
        show_text("\n".join(part.write(limit) for part in parts))
    return max((part.exit_code for part in parts), default=DONE)


def _parts(name: str, options: argparse.Namespace) -> Iterator[_Part]:
    """Yield what is to be said of a plan; nothing if it is as it was and follows from its YAML."""
    try:
        old = _load(f"{options.base}:./{name}" if not Path(name).is_absolute() else f"{options.base}:{name}")
        new = plans.load(name) if Path(name).exists() else None
        if old is None and new is None:
            yield _broken(name, f"{name} is neither here nor in {options.base}")
        elif new is None and old is not None:
            yield _Part(lambda limit: f"### Plan: gone\n\n{code(name)} is no longer there.\n"[:limit])
        elif new is not None and old is None:
            yield _first(name, new)
        elif old is not None and new is not None:
            yield from _changed(name, old, new, options)
    except RequestError as fault:
        yield _broken(name, str(fault))


def _load(name: str) -> ReviewedPlan | None:
    """Return a plan of a revision, None if the revision has none there."""
    place = plans.place(name)
    try:
        data = place.read()
    except plans.ReviewError:
        return None
    return plans.parse(place, data)


def _broken(name: str, message: str) -> _Part:
    say("hpi-review", message)
    return _Part(lambda limit: f"### Plan: cannot be read\n\n{code(name)}: {escape(message)}\n"[:limit], WRONG)


def _first(name: str, new: ReviewedPlan) -> _Part:
    shown = markdown.show(view(new.plan))
    head = f"### Plan: new\n\n{code(name)}\n\n<details><summary>what is in it</summary>\n\n"
    return _Part(lambda limit: comment.fitting(f"{head}{shown}\n</details>\n", limit))


def _changed(name: str, old: ReviewedPlan, new: ReviewedPlan, options: argparse.Namespace) -> Iterator[_Part]:
    after = report.origins(new, inputs.inputs(new))
    if old.text != new.text:
        before = report.origins(old, inputs.inputs(old))
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
    elif after.follows is False:
        yield _stale(name)


def _stale(name: str) -> _Part:
    told = check.check(name, trust_models=True)
    head = f"### Plan: stale\n\n✗ {code(name)} does not follow from its YAML any more: `hpi-plan --check` says so.\n"
    what = "" if told.compiled else "\nThe YAML does not compile.\n"
    lines = "".join(f"\n- {prose(item.sentence)}" for item in told.statements if item.impact > Impact.COSMETIC)
    return _Part(lambda limit: comment.fitting(f"{head}{what}{lines}\n", limit), NEGATIVE)
