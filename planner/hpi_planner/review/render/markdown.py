"""A plan as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from hpi_planner.review.render import mermaid
from hpi_planner.review.render.escaping import cell, code, escape, prose
from hpi_planner.review.view import PlanView
from hpi_planner.review.wording import value


def show(plan: PlanView) -> str:
    """Return a plan as a document."""
    lines = [f"# {escape(plan.title)}", "", escape(plan.summary), ""]
    lines += [f"- **{name}**: {escape(fact)}" for name, fact in plan.facts]
    if plan.warnings:
        lines += ["", "## To note", "", *(f"- {prose(item)}" for item in plan.warnings)]
    lines += ["", "## Models", "", *_modules(plan)]
    if plan.stages:
        lines += ["", "## What runs", "", "```mermaid", mermaid.flowchart(plan).rstrip(), "```"]
    lines += ["", "## Details", "", *_details(plan)]
    return "\n".join(lines).rstrip() + "\n"


def _modules(plan: PlanView) -> Iterator[str]:
    yield "| module | model | device | backend | precision | threads | batch | why |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in plan.modules:
        cells = (row.model, row.device, row.backend, row.precision, row.threads, str(row.batch))
        shown = " | ".join(cell(item) if item else "" for item in cells)
        yield f"| {cell(row.address)} | {shown} | {prose(row.reason, in_table=True)} |"


def _details(plan: PlanView) -> Iterator[str]:
    """Yield everything else that changes answers, a line each, so that a diff of two documents misses none of it."""
    for row in plan.modules:
        yield f"### {code(row.address)}"
        yield ""
        yield from (f"- {code(f'engine.config.{key}')}: {code(value(item))}" for key, (item, _) in row.config.items())
        yield from (f"- {code(f'settings.{key}')}: {code(value(item))}" for key, (item, _) in row.settings.items())
        yield from (f"- {code(name)}: {code(digest)}" for name, digest in row.files.items())
        yield from (f"- before the first run: {code(step)}" for step in row.prepare)
        if row.session:
            yield f"- uses the session of {code(row.session)}: same model, engine and device"
        yield from (f"- falls back on {code(name)}" for name in row.fallback)
        yield ""
