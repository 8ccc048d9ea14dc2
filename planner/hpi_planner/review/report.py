"""A diff of two plans, told: answers, statements and differences, as every rendering shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hpi_planner.review import causes, idle, measured, statements, telling, verdict, whole
from hpi_planner.review.differences import Change, changes
from hpi_planner.review.measured import Finding, Measurements
from hpi_planner.review.names import Names
from hpi_planner.review.origins import Origins
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.said import Sources
from hpi_planner.review.statements import Statement
from hpi_planner.review.telling import Side, Telling
from hpi_planner.review.verdict import Answer, Ran
from hpi_planner.review.wording import counted
from hpi_planner.review.words import Words


@dataclass(frozen=True)
class Report:
    """Everything to say about two plans.

    Attributes:
        old, new: the plans.
        names: of their modules.
        changes: every difference, the riskiest first.
        statements: what they come to, the riskiest first.
        answers: to a reviewer's questions.
        findings: what was measured of them.
        left: the differences that no statement stands for.
    """

    old: ReviewedPlan
    new: ReviewedPlan
    names: Names
    changes: tuple[Change, ...]
    statements: tuple[Statement, ...]
    answers: tuple[Answer, ...]
    findings: tuple[Finding, ...]
    left: tuple[Change, ...]

    @property
    def rest(self) -> str:
        """What the statements leave out, in words; empty if nothing."""
        number = len(self.left)
        return f"{counted(number, 'difference changes', 'differences change')} nothing that runs" if number else ""


def report(
    old: ReviewedPlan,
    new: ReviewedPlan,
    before: Origins,
    after: Origins,
    ran: Sequence[Ran] = (),
    measurements: Measurements | None = None,
) -> Report:
    """Compare two plans.

    Args:
        old, new: the plans.
        before, after: where they come from.
        ran: records of runs.
        measurements: comparisons and profiles, None if none were given.
    """
    found = causes.explained(changes(old, new), old, new, before.inputs, after.inputs)
    edits = [] if before.inputs is None or after.inputs is None else idle.edits(found, before.inputs, after.inputs)
    names = Names((*new.modules, *new.plan.external, *old.modules, *old.plan.external))
    both = Telling(_side(old, before), _side(new, after), names)
    told = statements.ordered(statements.merged(whole.told(both, found), names))
    return Report(
        old=old,
        new=new,
        names=names,
        changes=tuple(found),
        statements=tuple(told),
        answers=tuple(verdict.answers(both, found, told, before, after, edits, ran)),
        findings=() if measurements is None else tuple(measured.findings(old, new, names, told, measurements)),
        left=whole.left_over(found, told),
    )


def _side(plan: ReviewedPlan, origins: Origins) -> Side:
    sources = None if origins.inputs is None else Sources(origins.inputs.request())
    return telling.Side(plan, sources, Words(plan.plan, sources))
