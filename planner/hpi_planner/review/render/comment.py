"""A diff as a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from urllib.parse import quote

from hpi_schemas.impact import Impact

from hpi_planner.review.differences import Change
from hpi_planner.review.render import mermaid
from hpi_planner.review.render.escaping import cell, code, escape, prose
from hpi_planner.review.render.text import causes
from hpi_planner.review.report import Report
from hpi_planner.review.statements import Statement
from hpi_planner.review.verdict import mark_of
from hpi_planner.review.view import view
from hpi_planner.review.wording import counted, pair, value

# A comment on GitHub holds so many characters.
LIMIT = 65_536
_CUT = "\n\n*… the comment ends here, for GitHub takes no longer one: the whole is in `hpi-review diff --all`.*\n"


@dataclass(frozen=True)
class Links:
    """Where the files of the new plan are to be seen.

    Attributes:
        base: the address of their folder at one commit, such as ``https://github.com/OWNER/NAME/blob/COMMIT``.
        files: their names as sentences have them.
    """

    base: str
    files: tuple[str, ...]

    def linked(self, markdown: str) -> str:
        """Return Markdown with links at the places in these files."""
        for file in self.files:
            pattern = re.compile(rf"(?<![\w:/.-]){re.escape(escape(file))}:(\d+)(?::\d+)?")
            markdown = pattern.sub(partial(_link, f"{self.base}/{quote(file)}"), markdown)
        return markdown


def _link(address: str, found: re.Match[str]) -> str:
    return f"[{found[0]}]({address}#L{found[1]})"


def comment(report: Report, links: Links | None = None, limit: int = LIMIT) -> str:
    """Return the comment, at most ``limit`` characters.

    Args:
        report: of the two plans.
        links: None leaves places as text.
        limit: characters.
    """
    return fitting(blocks(report, links), limit)


def blocks(report: Report, links: Links | None = None) -> list[str]:
    """Return the comment in parts that stand by themselves, the most important first."""
    parts: list[Iterator[str]] = [
        chain(_head(report), _answers(report)),
        _findings(report),
        *(_statement(statement) for statement in report.statements),
        *(_details(statement) for statement in report.statements),
        _graph(report),
        _rest(report),
    ]
    whole = [text for text in ("\n".join(part) for part in parts) if text]
    return whole if links is None else [links.linked(text) for text in whole]


def fitting(parts: Sequence[str], limit: int = LIMIT) -> str:
    """Return as many of the parts as a limit has room for, and that they are not all; none is cut."""
    told = "\n".join(parts)
    if len(told) <= limit:
        return told
    kept: list[str] = []
    room = limit - len(_CUT)
    for part in parts:
        if len(part) + 1 > room:
            break
        kept.append(part)
        room -= len(part) + 1
    return ("\n".join(kept) + _CUT)[: max(limit, 0)]


def _head(report: Report) -> Iterator[str]:
    subjects = [statement.subject for statement in report.statements if statement.impact > Impact.COSMETIC]
    told = f"{counted(len(subjects), 'change', 'changes')}" if subjects else "no change to what runs"
    name = report.new.place.path.name
    places = [str(replace(side.place, from_here=False)) for side in (report.old, report.new)]
    yield from (f"### {code(name)}: {told}", "", f"{code(places[0])} → {code(places[1])}", "")


def _answers(report: Report) -> Iterator[str]:
    yield from ("| | question | answer |", "|---|---|---|")
    for answer in report.answers:
        yield f"| {answer.mark} | {escape(answer.question)} | {prose(answer.text, in_table=True)} |"
    yield ""


def _statement(statement: Statement) -> Iterator[str]:
    subject, rest = statement.sentence[: len(statement.subject)], statement.sentence[len(statement.subject) :]
    yield from (f"- **{escape(subject)}**{prose(rest)}", "")


def _details(statement: Statement) -> Iterator[str]:
    number = counted(len(statement.changes), "difference", "differences")
    yield from (f"<details><summary>{escape(statement.subject)}: {number}</summary>", "")
    yield from _table(statement.changes)
    yield ""
    said = dict.fromkeys(
        (item.wins, item.place, value(item.value)) for point in statement.points for item in point.said
    )
    yield from (f"- {'wins' if wins else 'loses'}: {code(what)} at {prose(place)}" for wins, place, what in said)
    yield from ("", "</details>", "")


def _table(found: Sequence[Change]) -> Iterator[str]:
    yield from ("| impact | where | what | before | after | cause |", "|---|---|---|---|---|---|")
    for change in found:
        cells = (
            change.impact.label,
            cell(change.address) if change.address else "the plan",
            cell(change.key),
            *map(cell, pair(change.old, change.new)),
            escape(causes(change)),
        )
        yield f"| {' | '.join(cells)} |"


def _findings(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield f"- {mark_of(finding)} {prose(finding.text)}"
    if report.findings:
        yield ""


def _graph(report: Report) -> Iterator[str]:
    shown = view(report.new.plan)
    if shown.stages and any(_rewires(change) for change in report.changes):
        yield from ("```mermaid", mermaid.flowchart(shown).rstrip(), "```", "")


def _rewires(change: Change) -> bool:
    """Tell whether a difference is one of stages and of what flows between them, and not of a parameter."""
    return change.path[0] == "graph" and change.impact > Impact.COSMETIC and "params" not in change.path


def _rest(report: Report) -> Iterator[str]:
    if report.left:
        yield from (f"<details><summary>{report.rest}</summary>", "", *_table(report.left), "", "</details>", "")
