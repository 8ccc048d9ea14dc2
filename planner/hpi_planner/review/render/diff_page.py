"""A diff as a page."""

from __future__ import annotations

from html import escape

from hpi_planner.review.differences import Change
from hpi_planner.review.render.frame import TOOLS, coded, coded_text, framed, identifier, name, prose, table, words
from hpi_planner.review.render.page import graph
from hpi_planner.review.render.text import causes, headline
from hpi_planner.review.report import Report
from hpi_planner.review.statements import Statement
from hpi_planner.review.verdict import BAD, GOOD, LOOK, UNKNOWN, mark_of
from hpi_planner.review.view import view
from hpi_planner.review.wording import counted, pair, value

_CLASSES = {GOOD: "good", LOOK: "look", BAD: "bad"}
_WORDS = {GOOD: "fine", LOOK: "look", BAD: "wrong", UNKNOWN: "unknown"}


def page(report: Report) -> str:
    """Return the page."""
    shown = view(report.new.plan)
    body = ["<h2>Answers</h2>", _answers(report)]
    if report.statements:
        body += ["<h2>What changed</h2>", TOOLS, *(_statement(item) for item in report.statements)]
    if report.findings:
        body += ["<h2>What was measured</h2>", _findings(report)]
    if report.left:
        body.append(f"<details><summary>{escape(report.rest)}</summary>{_differences(report.left)}</details>")
    body += ["<h2>What runs now</h2>", graph(shown)]
    facts = [("before", str(report.old.place)), ("after", str(report.new.place))]
    heading = f"{shown.title}: {counted(len(report.statements), 'change', 'changes')}"
    return framed(f"{heading} — {report.new.place}", heading, headline(report.changes), facts, "\n".join(body))


def _mark(mark: str) -> str:
    """Write a mark: a symbol, with the word for it where only its colour and shape would tell."""
    word = _WORDS.get(mark)
    hidden = f'<span aria-hidden="true">{mark}</span>'
    return f'<span class="mark {_CLASSES.get(mark, "")}">{hidden}{f" {word}: " if word else " "}</span>'


def _answers(report: Report) -> str:
    pairs = "".join(
        f"<dt>{escape(item.question)}</dt><dd>{_mark(item.mark)}{prose(item.text)}</dd>" for item in report.answers
    )
    return f'<dl class="answers">{pairs}</dl>'


def _statement(statement: Statement) -> str:
    ids = "".join(f'<a id="{identifier(address)}"></a>' for address in statement.addresses)
    rest = statement.sentence[len(statement.subject) :]
    number = counted(len(statement.changes), "difference", "differences")
    said = {(item.place, value(item.value)): item for point in statement.points for item in point.said}
    places = "".join(
        f"<li>{'wins' if item.wins else 'loses'}: {coded(item.value)} at {prose(item.place)}"
        f"{f'<pre>{escape(item.excerpt)}</pre>' if item.excerpt else ''}</li>"
        for item in said.values()
    )
    listed = f'<ul class="plain">{places}</ul>' if places else ""
    return (
        f"<p>{ids}<strong>{words(statement.sentence[: len(statement.subject)])}</strong>{prose(rest)}</p>"
        f'<details class="part"><summary>{words(statement.subject)} <span>{number}</span></summary>'
        f"{listed}{_differences(statement.changes)}</details>"
    )


def _differences(found: tuple[Change, ...] | list[Change]) -> str:
    rows = [
        (
            name(change.key),
            escape(change.impact.label),
            *map(coded_text, pair(change.old, change.new)),
            escape(causes(change)),
            name(change.address) if change.address else "the plan",
        )
        for change in found
    ]
    return table(("what", "impact", "before", "after", "cause", "where"), rows, "Differences")


def _findings(report: Report) -> str:
    items = "".join(f"<li>{_mark(mark_of(item))} {prose(item.text)}</li>" for item in report.findings)
    return f'<ul class="plain">{items}</ul>'
