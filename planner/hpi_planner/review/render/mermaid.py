"""The stage graph as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from hpi_planner.review.view import PlanView


def flowchart(plan: PlanView) -> str:
    """Return the text of a flowchart; models are boxes, glue operations are rounded."""
    rows = {row.address: row for row in plan.modules}
    ids = {stage.name: f"s{index}" for index, stage in enumerate(plan.stages)}
    lines = ["flowchart LR", '  input(["picture"])']
    for stage in plan.stages:
        row = rows.get(stage.address)
        if row is None:
            lines.append(f'  {ids[stage.name]}("{_escape(stage.what)}")')
        else:
            text = f"{_escape(stage.name)}<br/>{_escape(row.model)}<br/>{_escape(row.backend)} {_escape(row.device)}"
            lines.append(f'  {ids[stage.name]}["{text}"]')
    for stage in plan.stages:
        lines.extend(f"  {ids.get(before, 'input')} --> {ids[stage.name]}" for before in stage.after)
    return "\n".join(lines) + "\n"


# Mermaid reads `#NAME;` inside quotes as a character, tags as themselves, and `%%{…}%%` anywhere as a directive.
_MEANT = str.maketrans({"`": "'", "#": "#35;", "%": "#37;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})


def _escape(text: str) -> str:
    return text.translate(_MEANT)
