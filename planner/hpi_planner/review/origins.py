"""Where a plan comes from, and whether it still follows from that."""

from __future__ import annotations

from dataclasses import dataclass

from hpi_planner.review import inputs
from hpi_planner.review.inputs import Inputs, MissingError
from hpi_planner.review.plans import Place, ReviewedPlan


@dataclass(frozen=True)
class Origins:
    """Where a plan comes from.

    Attributes:
        inputs: what it is made from, None where that is not at hand or gives another plan by now.
        follows: it follows from its YAML, None where that is not at hand.
        missing: what is not at hand, empty if everything is.
    """

    inputs: Inputs | None
    follows: bool | None
    missing: str = ""


def origins(plan: ReviewedPlan, source: Place | None = None) -> Origins:
    """Return where a plan comes from, as far as its inputs give it.

    Args:
        plan: the plan.
        source: its YAML, by default where the plan says it is.
    """
    try:
        found = inputs.inputs(plan, source)
    except MissingError as lost:
        return Origins(None, None, str(lost))
    return Origins(None, False) if inputs.is_stale(plan, found) else Origins(found, True)
