"""Edits without effect: keys of a YAML and overrides that changed, and nothing that runs with them."""

from __future__ import annotations

from collections.abc import Sequence

from hpi_schemas.impact import Impact

from hpi_planner.compile import compile
from hpi_planner.diagnostics.model import Diagnostic
from hpi_planner.review.causes import Base, base, made_with, too_many
from hpi_planner.review.differences import Change, compared, worst
from hpi_planner.review.exchanges import OVERRIDE, SOURCE, InputChange, Step, exchanges
from hpi_planner.review.inputs import Inputs
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.risk import Context
from hpi_planner.review.said import Sources
from hpi_planner.review.wording import value


def edits(found: Sequence[Change], before: Inputs, after: Inputs) -> list[str]:
    """Return a line for each edit of a YAML or an override that changes nothing that runs, with the reason.

    Args:
        found: what differs between the two plans, with causes.
        before, after: what the two are made from.
    """
    if any(not change.inputs for change in found if change.impact > Impact.COSMETIC):
        # What did that is not known, and so not what did nothing.
        return []
    effective = {
        (item.kind, item.what) for change in found if change.impact > Impact.COSMETIC for item in change.inputs
    }
    steps = list(exchanges(before, after))
    if too_many(steps, before):
        return []
    told = [item for item, _ in steps if (item.kind, item.what) not in effective and _is_edit(item)]
    first = base(before, after)
    left = [item for item in told if _is_idle(item, steps, first, before, after)]
    if not left:
        return []
    sources, diagnostics = Sources(after.request()), compile(after.request()).diagnostics
    return [_line(item, sources, diagnostics) for item in left]


def _is_edit(item: InputChange) -> bool:
    return item.kind == OVERRIDE or (item.kind == SOURCE and item.spot is not None)


def _is_idle(item: InputChange, steps: Sequence[Step], first: Base, before: Inputs, after: Inputs) -> bool:
    """Tell whether everything but an edit gives the same: what it does may need the other edits."""
    without = made_with(first, [exchange for other, exchange in steps if other is not item])
    if without is None:
        return False
    different = compared(without, after.plan.document, Context.of(before.plan.plan, after.plan.plan))
    return (worst(different) or Impact.COSMETIC) == Impact.COSMETIC


def _line(item: InputChange, sources: Sources, diagnostics: Sequence[Diagnostic]) -> str:
    where = "" if item.spot is None else f" at {item.spot.file}:{item.spot.line}"
    told = f"`{item.what}`" if item.kind == OVERRIDE else f"`{item.what}` {value(item.old)} → {value(item.new)}{where}"
    reason = _winner(item, sources) or _warning(item, diagnostics)
    return f"{told} ({reason})" if reason else told


def _winner(item: InputChange, sources: Sources) -> str:
    """Say which override wins over an edit of the YAML, empty if none does."""
    if item.kind != SOURCE or item.new is ABSENT:
        return ""
    said = sources.of_key(tuple(item.what.split(".")))
    return next((f"{one.place} wins" for one in said if one.wins and one.spot is None), "")


def _warning(item: InputChange, diagnostics: Sequence[Diagnostic]) -> str:
    """Return what the compiler says of an edited line, empty if nothing."""
    if item.spot is None or item.new is ABSENT:
        return ""
    place = (item.spot.file, item.spot.line)
    for found in diagnostics:
        if any((label.span.source, label.span.line) == place for label in found.labels):
            hint = f"; {found.help}" if (found.help or "").startswith("did you mean") else ""
            return f"{found.message}{hint}"
    return ""
