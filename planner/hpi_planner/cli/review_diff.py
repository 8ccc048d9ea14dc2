"""hpi-review diff: options to a report, and a report to a form of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.command_line import Commands
from hpi_schemas.console import DONE, NEGATIVE, emit, say
from hpi_schemas.console import show as show_text
from hpi_schemas.files import Outputs
from hpi_schemas.impact import Impact

from hpi_planner.review import measured, origins, plans, report, verdict
from hpi_planner.review.differences import Change, worst
from hpi_planner.review.origins import Origins
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.plans import ReviewError
from hpi_planner.review.render import comment, text

if TYPE_CHECKING:
    from hpi_schemas.comparison import Comparison


def add(commands: Commands) -> None:
    """Add the command."""
    diff = commands.add("diff", help="what changed between two plans, why, and what it risks")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    form = diff.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a comment on a pull request")
    form.add_argument("--html", metavar="FILE", help="write one self-contained page")
    form.add_argument("--json", action="store_true", help="every difference as data")
    diff.add_argument("--all", action="store_true", help="every difference, below what it follows from")
    diff.add_argument("--source-old", metavar="YAML", help="the YAML of OLD; default: where OLD says it is")
    diff.add_argument("--source-new", metavar="YAML", help="the YAML of NEW; default: where NEW says it is")
    add_evidence(diff)
    diff.set_defaults(run=_diff)


def add_evidence(command: argparse.ArgumentParser) -> None:
    """Add the options for what stands beside a change, and for what to make of it."""
    link_help = "with --markdown: link places in the YAML to files below this address"
    command.add_argument("--permalink", metavar="URL", help=link_help)
    record_help = "what hpi-run --record wrote: what ran, when and where; repeatable"
    command.add_argument("--record", action="append", default=[], metavar="RUN", help=record_help)
    evidence_help = "what hpi-run --compare wrote of the two plans; repeatable"
    command.add_argument("--evidence", action="append", default=[], metavar="FILE", help=evidence_help)
    profile_help = "a profile that holds engines of both, for their speed and memory; repeatable"
    command.add_argument("--profile", action="append", default=[], metavar="FILE", help=profile_help)
    levels = [impact.label for impact in sorted(Impact, reverse=True)]
    command.add_argument("--fail-on", choices=levels, help="exit code 1 if a change has this impact or a greater one")
    accept_help = "evidence that these two plans agree within the tolerances: --fail-on then passes over numbers"
    command.add_argument("--accept-evidence", action="append", default=[], metavar="FILE", help=accept_help)


def _diff(options: argparse.Namespace) -> int:
    old, new = plans.load(options.old), plans.load(options.new)
    before = told_origins(old, options.source_old, "causes are guessed")
    after = told_origins(new, options.source_new, "causes are guessed")
    found = report.report(old, new, before, after, *evidence(options))
    if options.json:
        emit(json.dumps([_record(change) for change in found.changes], indent=2, ensure_ascii=False) + "\n")
    elif options.markdown:
        show_text(comment.comment(found, links(options.permalink, after)))
    elif options.html is not None:
        from hpi_planner.review.render import diff_page, frame

        Outputs([options.old, options.new]).write(Path(options.html), diff_page.page(found).encode(), frame.PAGE)
    else:
        show_text(text.diff(found, options.all))
    return NEGATIVE if fails(options, found) else DONE


def fails(options: argparse.Namespace, found: report.Report) -> bool:
    """Tell whether a change has the impact of --fail-on, or a greater one that no accepted evidence speaks for."""
    if options.fail_on is None:
        return False
    threshold = Impact.of(options.fail_on)
    from hpi_schemas import comparison

    accepted = any(
        measured.is_of(item, found.old, found.new) and not comparison.doubts(item, found.new.plan)
        for _, item in _comparisons(options.accept_evidence)
    )
    numbers = (Impact.NUMERICS, Impact.NUMERICS_POSSIBLE)
    counting = [change for change in found.changes if not (accepted and change.impact in numbers)]
    greatest = worst(counting)
    return greatest is not None and greatest >= threshold


def evidence(options: argparse.Namespace) -> tuple[list[verdict.Ran], measured.Measurements | None]:
    """Return the records of runs, and the measurements, that the options name."""
    return _records(options.record), _measurements(options)


def _records(names: Sequence[str]) -> list[verdict.Ran]:
    from hpi_planner.review import verify

    return [verdict.Ran(name, verify.load(name)) for name in names]


def _comparisons(names: Sequence[str]) -> tuple[tuple[str, Comparison], ...]:
    from hpi_schemas import comparison

    return tuple((name, comparison.read(plans.place(name).read(), name)) for name in dict.fromkeys(names))


def _measurements(options: argparse.Namespace) -> measured.Measurements | None:
    named = [*options.evidence, *options.accept_evidence]
    if not named and not options.profile:
        return None
    from hpi_schemas import profile

    read = tuple((name, profile.read(plans.place(name).read(), name)) for name in options.profile)
    return measured.Measurements(_comparisons(named), read)


def links(base: str | None, after: Origins) -> comment.Links | None:
    """Return the links to the places in a YAML, None where they lead nowhere."""
    if base is None or after.inputs is None or after.inputs.place is None:
        return None
    if not base.startswith("https://"):
        raise ReviewError(f"--permalink {base}: it must be an https:// address")
    return comment.Links(base.rstrip("/"), (after.inputs.name,))


def _record(change: Change) -> dict[str, object]:
    found: dict[str, object] = {
        "address": change.address,
        "key": change.key,
        "impact": change.impact.label,
        "causes": list(change.causes),
        "cause_known": change.cause_known,
        "inputs": [
            {"kind": item.kind, "what": item.what, **({} if item.spot is None else {"place": str(item.spot)})}
            for item in change.inputs
        ],
    }
    # What is absent has no key; null is a value.
    values = (("old", change.old), ("new", change.new))
    return found | {name: item for name, item in values if item is not ABSENT}


def told_origins(plan: plans.ReviewedPlan, source: str | None, missing: str) -> Origins:
    """Return where a plan comes from, and say so where that is not at hand or gives another plan.

    Args:
        plan: the plan.
        source: its YAML as named on the command line.
        missing: what the lack of it means, empty if nothing.
    """
    found = origins.origins(plan, None if source is None else plans.place(source))
    if found.follows is None and missing:
        say("hpi-review", f"{found.missing}, which {plan.place} was made from, is not at hand; {missing}")
    elif found.follows is False:
        say(
            "hpi-review",
            f"{plan.place} is stale: its source gives another plan by now{'; ' if missing else ''}{missing}",
        )
    return found
