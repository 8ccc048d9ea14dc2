"""Plans and changes as text for a terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hpi_planner.review.changes import ABSENT, Change, Impact

_LONGEST_LABEL = max(len(impact.label) for impact in Impact)
_WIDTH = 60


def clean(item: str) -> str:
    """Replace control characters: a name in a plan must not steer a terminal or end a block of Markdown."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in item)


def counted(number: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def value(item: Any) -> str:
    """Write a value short: what is absent and what is null are two things."""
    if item is ABSENT:
        return "absent"
    is_plain = isinstance(item, str) and item != "absent" and not _is_json(item)
    text = clean(item if is_plain else json.dumps(item, ensure_ascii=False, sort_keys=True))
    if text.startswith("sha256:"):
        return text[:19] + "…"
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def headline(found: Sequence[Change]) -> str:
    """Write how many changes there are of each impact, the riskiest first."""
    if not found:
        return "no changes"
    counts = Counter(change.impact for change in found)
    listed = ", ".join(f"{counts[impact]} {impact.label}" for impact in sorted(Impact, reverse=True) if counts[impact])
    return f"{counted(len(found), 'change', 'changes')}: {listed}"


def causes(change: Change) -> str:
    """Write the causes; a guess has a question mark."""
    return " + ".join(change.causes) + ("" if change.cause_known else "?") if change.causes else ""


def changes(found: Sequence[Change], cosmetic: bool = False) -> Iterator[str]:
    """Yield a line for each change, below the module that it concerns.

    Cosmetic ones are counted and left out beside others, unless ``cosmetic`` asks for them.
    """
    risky = [change for change in found if change.impact > Impact.COSMETIC]
    shown = found if cosmetic or not risky else risky
    by_address: dict[str, list[Change]] = {}
    for change in shown:
        by_address.setdefault(change.address, []).append(change)
    for address, group in by_address.items():
        yield clean(address) or "(the whole plan)"
        width = max(len(change.key) for change in group)
        for change in group:
            arrow = f"{value(change.old)} → {value(change.new)}"
            why = f"  [{causes(change)}]" if change.causes else ""
            yield f"  {change.impact.label:{_LONGEST_LABEL}}  {clean(change.key):{width}}  {arrow}{why}"
    if len(shown) < len(found):
        yield f"{len(found) - len(shown)} cosmetic ones are not shown; `hpi-review diff --all` does"


def _is_json(item: str) -> bool:
    """Tell whether a text looks like another value, and so needs its quotes."""
    try:
        json.loads(item)
    except ValueError:
        return False
    return True
