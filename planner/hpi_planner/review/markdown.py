"""Plans and changes as Markdown, for pull requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpi_planner.review import mermaid, text
from hpi_planner.review.changes import Change, Impact
from hpi_planner.review.view import PlanView

# A comment on GitHub holds so many characters.
LIMIT = 65_536
_CUT = "\n\n*… cut off here: the whole is in `hpi-review diff`.*\n"


def show(plan: PlanView) -> str:
    """Return a plan as a document."""
    lines = [f"# {_escape(plan.title)}", "", _escape(plan.summary), ""]
    lines += [f"- **{name}**: {_escape(fact)}" for name, fact in plan.facts]
    if plan.warnings:
        lines += ["", "## To note", "", *(f"- {_escape(item)}" for item in plan.warnings)]
    lines += ["", "## Models", "", *_modules(plan)]
    if plan.stages:
        lines += ["", "## What runs", "", "```mermaid", mermaid.flowchart(plan).rstrip(), "```"]
    lines += ["", "## Details", "", *_details(plan)]
    return "\n".join(lines).rstrip() + "\n"


def diff(old: str, new: str, found: Sequence[Change], plan: PlanView, limit: int = LIMIT) -> str:
    """Return the changes as a comment on a pull request, at most ``limit`` characters.

    Args:
        old, new: the names of the plans.
        found: the changes, the riskiest first.
        plan: the new plan, for its graph.
    """
    lines = [f"### Plan: {text.headline(found)}", "", f"{code(old)} → {code(new)}", ""]
    risky = [change for change in found if change.impact > Impact.COSMETIC]
    harmless = [change for change in found if change.impact == Impact.COSMETIC]
    if risky:
        lines += [*_changes(risky), ""]
    if plan.stages and any(change.path[0] == "graph" for change in risky):
        lines += ["```mermaid", mermaid.flowchart(plan).rstrip(), "```", ""]
    if harmless:
        lines += [
            f"<details><summary>{len(harmless)} cosmetic</summary>",
            "",
            *_changes(harmless),
            "",
            "</details>",
            "",
        ]
    return _cut("\n".join(lines), limit)


def _cut(comment: str, limit: int) -> str:
    if len(comment) <= limit:
        return comment
    kept = comment[: limit - len(_CUT) - len("\n\n</details>")]
    kept = kept[: kept.rfind("\n")]
    if kept.count("<details>") > kept.count("</details>"):
        kept += "\n\n</details>"
    return kept + _CUT


def _changes(found: Sequence[Change]) -> Iterator[str]:
    yield "| impact | where | what | before | after | cause |"
    yield "|---|---|---|---|---|---|"
    for change in found:
        cells = (
            f"**{change.impact.label}**" if change.impact == Impact.NUMERICS else change.impact.label,
            code(change.address) if change.address else "the plan",
            code(change.key),
            code(text.value(change.old)),
            code(text.value(change.new)),
            _escape(text.causes(change)),
        )
        yield f"| {' | '.join(cells)} |"


def _modules(plan: PlanView) -> Iterator[str]:
    yield "| module | model | device | backend | precision | threads | batch | why |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in plan.modules:
        cells = (row.model, row.device, row.backend, row.precision, row.threads, str(row.batch))
        shown = " | ".join(code(cell) if cell else "" for cell in cells)
        yield f"| {code(row.address)} | {shown} | {_escape(row.reason)} |"


def _details(plan: PlanView) -> Iterator[str]:
    """Yield everything else that changes answers, a line each, so that a diff of two documents misses none of it."""
    for row in plan.modules:
        yield f"### {code(row.address)}"
        yield ""
        yield from (
            f"- {code(f'engine.config.{key}')}: {code(text.value(item))}" for key, (item, _) in row.config.items()
        )
        yield from (f"- {code(f'settings.{key}')}: {code(text.value(item))}" for key, (item, _) in row.settings.items())
        yield from (f"- {code(name)}: {code(digest)}" for name, digest in row.files.items())
        yield from (f"- before the first run: {code(step)}" for step in row.prepare)
        if row.session:
            yield f"- uses the session of {code(row.session)}: same model, engine and device"
        yield from (f"- falls back on {code(name)}" for name in row.fallback)
        yield ""


def code(item: str) -> str:
    """Write a text as code, in a table too."""
    # A bar would end the cell, and a backtick the code.
    clean = text.clean(item).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`"


def _escape(item: str) -> str:
    """Make a text mean itself in Markdown: no markup, no tags, no mentions."""
    marked = "".join(f"\\{char}" if char in "\\`*_[]#|~" else char for char in text.clean(item))
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace("@", "@\N{ZERO WIDTH SPACE}")
