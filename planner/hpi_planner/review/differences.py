"""What differs between two plans: by address and key, never by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpi_schemas.impact import Impact

from hpi_planner.review.exchanges import InputChange
from hpi_planner.review.paths import ABSENT, Path, is_same
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.risk import Context


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        path: of the value in the plan.
        old, new: the values; ``ABSENT`` where there is none.
        impact: what it risks.
        causes: the kinds of inputs that did it: ``source``, ``override``, ``target``, ``model``, ``profile`` or
            ``rules``.
        cause_known: the causes were found by compiling again, not guessed from origins.
        inputs: what exactly changed in those inputs, as far as that is known.
    """

    path: Path
    old: Any
    new: Any
    impact: Impact
    causes: tuple[str, ...] = ()
    cause_known: bool = False
    inputs: tuple[InputChange, ...] = ()

    @property
    def address(self) -> str:
        """The module's address, empty for what concerns the whole plan."""
        return self.path[1] if self.path[0] == "modules" else ""

    @property
    def key(self) -> str:
        """The rest of the path, dotted; ``(module)`` for a whole module."""
        rest = self.path[2:] if self.address else self.path
        return ".".join(filter(None, rest)) or "(module)"


def changes(old: ReviewedPlan, new: ReviewedPlan) -> list[Change]:
    """Return every difference between two plans, the riskiest first, then by place."""
    return compared(old.document, new.document, Context.of(old.plan, new.plan))


def compared(old: Mapping[str, Any], new: Mapping[str, Any], context: Context) -> list[Change]:
    """Return every difference between the JSON values of two plans.

    Args:
        old, new: the values.
        context: what their impact depends on.
    """
    different = _differences(old, new, ())
    found = [Change(path, one, other, context.impact(path, one, other)) for path, one, other in different]
    return sorted(found, key=lambda change: (-change.impact, change.path))


def worst(found: Sequence[Change]) -> Impact | None:
    """Return the greatest impact, None without changes."""
    return max((change.impact for change in found), default=None)


def _differences(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            here = (*path, key)
            yield from _differences(old.get(key, ABSENT), new.get(key, ABSENT), here)
    elif not is_same(old, new):
        yield path, old, new
