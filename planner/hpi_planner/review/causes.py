"""Why two plans differ: by compiling again with one input exchanged at a time, or else by their origins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.plan import origin as plan_origin

from hpi_planner.compile import Request, compile
from hpi_planner.models import RecordedReader
from hpi_planner.paddlex import builtin_configs
from hpi_planner.review.changes import ABSENT, Change
from hpi_planner.review.plans import Place, ReviewedPlan, ReviewError
from hpi_planner.select.profile import Evidence

SOURCE, OVERRIDE, TARGET, MODEL, PROFILE, RULES = "source", "override", "target", "model", "profile", "rules"


@dataclass(frozen=True)
class Inputs:
    """What a plan is a function of; models are trusted as a plan records them."""

    data: bytes
    plan: ReviewedPlan
    profile: Evidence | None = None

    def request(self) -> Request:
        """Return the request that makes the plan again."""
        source = self.plan.plan.source
        return Request(
            source=replace(source, overrides=(), profile=None),
            source_name=source.file or f"<builtin {source.builtin}>",
            data=self.data,
            target=self.plan.target,
            reader=RecordedReader(self.plan.modules, self.plan.plan.external),
            overrides=self.plan.overrides,
            profile=self.profile,
        )


def inputs(plan: ReviewedPlan, source: Place | None = None) -> Inputs | None:
    """Return the inputs of a plan, None where its source is not at hand.

    Args:
        plan: the plan.
        source: its YAML, by default where the plan says it is.
    """
    try:
        where = source or plan.source
        data = builtin_configs.text(plan.plan.source.builtin or "").encode() if where is None else where.read()
        profile = plan.profile()
    except (ReviewError, KeyError):
        return None
    return Inputs(data, plan, profile)


def is_stale(plan: ReviewedPlan, found: Inputs) -> bool:
    """Tell whether a plan does not follow from its source any more, with its models as it records them."""
    try:
        return compile(found.request()).text != plan.text
    except ValueError:
        # An override or a target that this version does not read any more.
        return True


def _either(old: ReviewedPlan, new: ReviewedPlan) -> RecordedReader:
    """Return what knows the models of both plans, those of the second first."""
    return RecordedReader({**old.modules, **new.modules}, {**old.plan.external, **new.plan.external})


def _models(plan: ReviewedPlan) -> Mapping[str, Any]:
    own = {address: item.model for address, item in plan.modules.items()}
    return own | {address: (item.dir, item.files) for address, item in plan.plan.external.items()}


def explained(
    found: Sequence[Change], old: ReviewedPlan, new: ReviewedPlan, before: Inputs | None, after: Inputs | None
) -> list[Change]:
    """Return the changes with their causes, as well as they can be known.

    Args:
        found: what differs between ``old`` and ``new``.
        before, after: the inputs of the two, None where they are not at hand.
    """
    plans: dict[str, Mapping[str, Any] | None] = {}
    if before is not None and after is not None:
        first, second = before.request(), after.request()
        exchanged = {
            SOURCE: replace(first, data=second.data, source=second.source),
            OVERRIDE: replace(first, overrides=second.overrides),
            TARGET: replace(first, target=second.target),
            PROFILE: replace(first, profile=second.profile),
            MODEL: replace(first, reader=_either(old, new)),
        }
        same = {
            SOURCE: before.data == after.data and first.source == second.source,
            OVERRIDE: first.overrides == second.overrides,
            TARGET: old.plan.target == new.plan.target,
            PROFILE: first.profile == second.profile,
            MODEL: _models(old) == _models(new),
        }
        differing = [cause for cause in exchanged if not same[cause]]
        if len(differing) == 1:
            return [replace(change, causes=(differing[0],), cause_known=True) for change in found]
        plans = {cause: _plan(exchanged[cause]) for cause in differing}
    return [_attributed(change, plans, old, new) for change in found]


def _plan(request: Request) -> Mapping[str, Any] | None:
    text = compile(request).text
    return None if text is None else dict(json.loads(text))


def _attributed(
    change: Change, plans: Mapping[str, Mapping[str, Any] | None], old: ReviewedPlan, new: ReviewedPlan
) -> Change:
    before = at(old.document, change.path)
    causes = tuple(
        cause for cause, plan in plans.items() if plan is not None and repr(at(plan, change.path)) != repr(before)
    )
    if causes:
        return replace(change, causes=causes, cause_known=True)
    # No input alone does it, or they are not at hand.
    guess = _guess(change, old, new)
    return replace(change, causes=tuple(plans) if plans and guess not in plans else (guess,))


def at(plan: Any, path: Sequence[str]) -> Any:
    """Return the value at a path of a plan, ``ABSENT`` where there is none."""
    for key in path:
        if not isinstance(plan, Mapping) or key not in plan:
            return ABSENT
        plan = plan[key]
    return plan


def _guess(change: Change, old: ReviewedPlan, new: ReviewedPlan) -> str:
    """Return the likely cause: by where the value came from, before or now."""
    top = change.path[0]
    if top in ("target", "replicas"):
        return TARGET
    if top in ("rules", "format"):
        return RULES
    if change.path[:2] == ("source", "overrides"):
        return OVERRIDE
    if change.path[:2] == ("source", "profile") or change.path[2:3] == ("profile",):
        return PROFILE
    if change.address and change.path[2:3] == ("model",):
        return MODEL
    key = ".".join(change.path[2:])
    records = [plan.modules[change.address] for plan in (new, old) if change.address in plan.modules]
    kinds = {record.origins[key].kind for record in records if key in record.origins}
    known = (
        (plan_origin.OVERRIDE, OVERRIDE),
        (plan_origin.PROFILE, PROFILE),
        (plan_origin.MODEL, MODEL),
        (plan_origin.FILE, SOURCE),
    )
    for kind, cause in known:
        if kind in kinds:
            return cause
    if plan_origin.RULE in kinds and old.plan.target != new.plan.target:
        return TARGET
    return RULES if old.plan.rules != new.plan.rules else SOURCE
