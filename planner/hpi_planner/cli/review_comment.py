"""hpi-review comment: one comment about all plans that a pull request changes, adds, takes away or leaves stale."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hpi_schemas.command_line import Commands
from hpi_schemas.console import DONE, NEGATIVE, WRONG, say
from hpi_schemas.console import show as show_text
from hpi_schemas.impact import Impact

from hpi_planner.cli import review_diff
from hpi_planner.request import RequestError
from hpi_planner.review import check, measured, origins, plans, report
from hpi_planner.review.differences import worst
from hpi_planner.review.origins import Origins
from hpi_planner.review.plans import Place, ReviewedPlan
from hpi_planner.review.render import comment, markdown, several
from hpi_planner.review.render.escaping import code, escape, prose
from hpi_planner.review.render.several import Part
from hpi_planner.review.said import Sources
from hpi_planner.review.view import view
from hpi_planner.review.wording import counted


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
    within_help = "read no plan, YAML or profile outside of this folder, wherever links and plans lead"
    told.add_argument("--within", metavar="DIR", help=within_help)
    review_diff.add_evidence(told)
    told.set_defaults(run=_comment)


def _comment(options: argparse.Namespace) -> int:
    if options.within is not None:
        plans.confine(Path(options.within))
    sides = _renamed([_sides(name, options.base) for name in dict.fromkeys(options.plans)])
    parts = [part for side in sides for part in _guarded(side, options)]
    if parts:
        show_text(several.comment(parts))
    codes = [part.exit_code for part in parts]
    if options.fail_on is not None and _is_swapped(sides):
        # What came is compared with nothing that went, and so nobody knows what changed.
        codes.append(NEGATIVE)
    return max(codes, default=DONE)


def _sides(name: str, base: str) -> _Sides:
    """Read a plan as it was and as it is; what is in the revision is never looked for on disk."""
    path = PurePosixPath(name)
    try:
        old = _load(Place(path, base, not path.is_absolute()))
        here = Place(path)
        new = plans.parse(here, here.read()) if Path(name).exists() or Path(name).is_symlink() else None
    except RequestError as fault:
        return _Sides(name, None, None, str(fault))
    return _Sides(name, old, new, "" if old or new else f"{name} is neither here nor in {base}")


def _load(place: Place) -> ReviewedPlan | None:
    """Return a plan of a revision, None if the revision has none there."""
    try:
        data = place.read()
    except plans.ReviewError:
        return None
    return plans.parse(place, data)


def _renamed(sides: Sequence[_Sides]) -> list[_Sides]:
    """Return the sides, a plan that is gone and a new one of the same YAML, or of the same pipeline, as one."""
    gone = [side for side in sides if side.old is not None and side.new is None]
    pairs: list[_Sides] = []
    for side in sides:
        if side.new is not None and side.old is None:
            other = next((item for how in (_yaml, _pipeline) for item in gone if how(item.old) == how(side.new)), None)
            if other is not None:
                gone.remove(other)
                side = replace(side, old=other.old)
        pairs.append(side)
    # Those that are gone and belong to a new one were told with it.
    return [side for side in pairs if side.fault or side.new is not None or side in gone]


def _yaml(plan: ReviewedPlan | None) -> tuple[str | None, ...] | None:
    return None if plan is None else (plan.plan.source.file, plan.plan.source.builtin)


def _pipeline(plan: ReviewedPlan | None) -> object:
    return None if plan is None else (plan.plan.pipeline.name, sorted(plan.modules))


def _is_swapped(sides: Sequence[_Sides]) -> bool:
    """Tell whether there are plans that came and plans that went, and none of them belong together."""
    came = any(side.old is None and side.new is not None for side in sides)
    return came and any(side.new is None and side.old is not None for side in sides)


def _guarded(side: _Sides, options: argparse.Namespace) -> list[Part]:
    """Return what is to be said of a plan; one that breaks something costs no other its place."""
    try:
        return list(_parts(side, options))
    except (RequestError, ValueError, LookupError, RecursionError) as fault:
        return [
            _broken(
                side.name, f"{type(fault).__name__}: {fault}" if not isinstance(fault, RequestError) else str(fault)
            )
        ]


def _parts(side: _Sides, options: argparse.Namespace) -> Iterator[Part]:
    """Yield what is to be said of a plan; nothing if it is as it was and follows from its YAML."""
    if side.fault:
        yield _broken(side.name, side.fault)
    elif side.new is None:
        yield Part(side.name, "gone", [f"### {code(side.name)}: gone\n"], Impact.DEVICE)
    elif side.old is None:
        yield from _first(side.name, side.new)
    else:
        yield from _changed(side.name, side.old, side.new, options)


def _broken(name: str, message: str) -> Part:
    say("hpi-review", message)
    told = f"### {code(name)}: cannot be read\n\n{escape(message)}\n"
    return Part(name, "✗ cannot be read", [told], several.WORST, WRONG)


def _first(name: str, new: ReviewedPlan) -> Iterator[Part]:
    after = origins.origins(new)
    sources = None if after.inputs is None else Sources(after.inputs.request())
    head, shown = f"### {code(name)}: new\n", markdown.show(view(new.plan, sources))
    details = f"<details><summary>what is in it</summary>\n\n{shown}\n</details>\n"
    yield Part(name, "new", [head, details], Impact.COSMETIC)
    if after.follows is not True:
        yield _stale(name, after)


def _changed(name: str, old: ReviewedPlan, new: ReviewedPlan, options: argparse.Namespace) -> Iterator[Part]:
    after, before = origins.origins(new), origins.origins(old)
    if old.text != new.text:
        ran, measurements = review_diff.evidence(options)
        # Each stands beside the plans that it is of.
        ran = [item for item in ran if item.record.plan in (old.digest, new.digest)]
        if measurements is not None:
            fitting = tuple(item for item in measurements.comparisons if measured.is_of(item[1], old, new))
            measurements = replace(measurements, comparisons=fitting)
        found = report.report(old, new, before, after, ran, measurements)
        blocks = comment.blocks(found, review_diff.links(options.permalink, after))
        impact = worst(found.changes) or Impact.COSMETIC
        told = f"{counted(len(found.statements), 'change', 'changes')}, {impact.label}"
        yield Part(name, told, blocks, impact, NEGATIVE if review_diff.fails(options, found) else DONE)
    # Whose YAML never was there cannot be checked by anybody.
    if after.follows is False or (after.follows is None and before.follows is not None):
        yield _stale(name, after)


def _stale(name: str, after: Origins) -> Part:
    if after.missing:
        told = f"### {code(name)}: cannot be checked\n\n✗ {prose(after.missing)} is not at hand.\n"
        return Part(name, "✗ cannot be checked", [told], several.WORST, NEGATIVE)
    checked = check.check(name, trust_models=True)
    head = f"### {code(name)}: stale\n\n✗ It does not follow from its YAML: `hpi-plan --check` says so.\n"
    what = [] if checked.compiled else ["The YAML does not compile.\n"]
    lines = [f"- {prose(item.sentence)}" for item in checked.statements if item.impact > Impact.COSMETIC]
    return Part(name, "✗ stale", [head, *what, *lines], several.WORST, NEGATIVE)
