"""One comment about several plans: a line for each, the worst first, then as much of each as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hpi_schemas.console import DONE
from hpi_schemas.impact import Impact

from hpi_planner.review.render.comment import LIMIT, fitting
from hpi_planner.review.render.escaping import cell, escape
from hpi_planner.review.wording import counted

# What cannot be read or does not follow comes before all that can be said of changes.
WORST = max(Impact) + 1
# Of the comment, what the lines may take at most; the least that a plan needs to say something.
_LINES, _LEAST = LIMIT // 4, 600


@dataclass(frozen=True)
class Part:
    """What a comment has of one plan.

    Attributes:
        name: of the plan.
        told: it in a few words.
        blocks: it in parts that stand by themselves, the most important first.
        impact: how early it stands: the greatest of its changes, or ``WORST``.
        exit_code: that it means for the command.
    """

    name: str
    told: str
    blocks: Sequence[str]
    impact: int
    exit_code: int = DONE


def comment(parts: Sequence[Part], limit: int = LIMIT) -> str:
    """Return the comment, at most ``limit`` characters; no plan is left out because of others that say less."""
    ordered = sorted(parts, key=lambda part: -part.impact)
    if len(ordered) == 1:
        return fitting(ordered[0].blocks, limit)
    lines = _lines(ordered)
    room = limit - len(lines) - 1
    sections: list[str] = []
    for number, part in enumerate(ordered):
        # Each may take its share of what is left, and the first ones much of it; what they leave over the others have.
        share = max(room // (len(ordered) - number), room // 4, _LEAST)
        section = fitting(part.blocks, min(share, room))
        if len(section) + 1 > room or room < _LEAST:
            break
        sections.append(section)
        room -= len(section) + 1
    return "\n".join([lines, *sections])


def _lines(parts: Sequence[Part]) -> str:
    """Return the table of all plans; beyond its room those that say least are counted."""
    head = "| plan | |\n|---|---|\n"
    rows: list[str] = []
    room = _LINES - len(head)
    for part in parts:
        row = f"| {cell(part.name)} | {escape(part.told)} |\n"
        if len(row) > room:
            break
        rows.append(row)
        room -= len(row)
    left = len(parts) - len(rows)
    more = f"\n{counted(left, 'more plan', 'more plans')}, with less to say.\n" if left else ""
    return head + "".join(rows) + more
