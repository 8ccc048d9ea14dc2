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
    return "\n".join(lines) + "\n"


def diff(old: str, new: str, found: Sequence[Change], plan: PlanView, limit: int = LIMIT) -> str:
    """Return the changes as a comment on a pull request, at most ``limit`` characters.

    Args:
        old, new: the names of the plans.
        found: the changes, the riskiest first.
        plan: the new plan, for its graph.
    """
    lines = [f"### Plan: {text.headline(found)}", "", f"`{_escape(old)}` → `{_escape(new)}`", ""]
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
            _code(change.address) if change.address else "the plan",
            _code(change.key),
            _code(text.value(change.old)),
            _code(text.value(change.new)),
            _escape(text.causes(change)),
        )
        yield f"| {' | '.join(cells)} |"


def _modules(plan: PlanView) -> Iterator[str]:
    yield "| module | model | device | backend | precision | threads | batch | why |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in plan.modules:
        cells = (row.model, row.device, row.backend, row.precision, row.threads, str(row.batch), row.reason)
        yield f"| {_code(row.address)} | {' | '.join(map(_escape, cells))} |"


def _code(item: str) -> str:
    # A bar would end the cell, and a backtick the code.
    return f"`{item.replace('`', chr(39)).replace('|', chr(92) + '|')}`".replace("\n", " ")


def _escape(item: str) -> str:
    return item.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
