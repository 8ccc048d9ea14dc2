"""A diff as text for a terminal: the answers, the sentences, and on demand every difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hpi_schemas.impact import Impact

from hpi_planner.review import wording
from hpi_planner.review.differences import Change
from hpi_planner.review.report import Report
from hpi_planner.review.verdict import mark_of
from hpi_planner.review.wording import clean, counted

_LONGEST_LABEL = max(len(impact.label) for impact in Impact)


def diff(report: Report, every: bool = False) -> str:
    """Return a diff.

    Args:
        report: of the two plans.
        every: with all differences, those that follow from others below these.
    """
    return "\n".join([*_answers(report), *_sentences(report, every), *_findings(report), *_rest(report, every)]) + "\n"


def headline(found: Sequence[Change]) -> str:
    """Write how many differences there are of each impact, the riskiest first."""
    if not found:
        return "no changes"
    counts = Counter(change.impact for change in found)
    listed = ", ".join(f"{counts[impact]} {impact.label}" for impact in sorted(Impact, reverse=True) if counts[impact])
    return f"{counted(len(found), 'difference', 'differences')}: {listed}"


def causes(change: Change) -> str:
    """Write the causes; a guess has a question mark."""
    return " + ".join(change.causes) + ("" if change.cause_known else "?") if change.causes else ""


def _changes(found: Sequence[Change]) -> Iterator[str]:
    """Yield a line for each difference, below the module that it concerns."""
    by_address: dict[str, list[Change]] = {}
    for change in found:
        by_address.setdefault(change.address, []).append(change)
    for address, group in by_address.items():
        yield clean(address) or "(the whole plan)"
        yield from _lines(group)


def _lines(group: Sequence[Change]) -> Iterator[str]:
    width = max(len(change.key) for change in group)
    for change in group:
        arrow = wording.arrow(change.old, change.new)
        why = f"  [{causes(change)}]" if change.causes else ""
        yield f"  {change.impact.label:{_LONGEST_LABEL}}  {clean(change.key):{width}}  {arrow}{why}"


def _answers(report: Report) -> Iterator[str]:
    width = max(len(answer.question) for answer in report.answers)
    for answer in report.answers:
        yield f"{answer.mark} {clean(answer.question):{width}}  {clean(answer.text)}"


def _sentences(report: Report, every: bool) -> Iterator[str]:
    for statement in report.statements:
        yield ""
        yield clean(statement.sentence)
        if every and len(statement.addresses) > 1:
            yield from _changes(statement.changes)
        elif every:
            yield from _lines(statement.changes)


def _findings(report: Report) -> Iterator[str]:
    if report.findings:
        yield ""
    for finding in report.findings:
        yield f"{mark_of(finding)} {clean(finding.text)}"


def _rest(report: Report, every: bool) -> Iterator[str]:
    if not report.changes:
        return
    yield ""
    if every and report.left:
        yield f"{report.rest}:"
        yield from _changes(report.left)
    elif not every:
        yield f"{headline(report.changes)}; `hpi-review diff --all` lists them"
