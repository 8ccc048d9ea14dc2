"""Why two plans differ: by compiling again with one input exchanged at a time, or else by their origins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hpi_schemas.plan import origin as plan_origin

from hpi_planner.compile import Request, compile
from hpi_planner.review.differences import Change
from hpi_planner.review.exchanges import (
    MODEL,
    OVERRIDE,
    PROFILE,
    RULES,
    SOURCE,
    TARGET,
    Exchange,
    InputChange,
    SourceEdit,
    Step,
    both_models,
    both_targets,
    exchanged,
    exchanges,
)
from hpi_planner.review.inputs import Inputs
from hpi_planner.review.paths import ABSENT, at, is_same
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.syntax.tree import Tree

# Compiling a plan takes some hundredths of a second, and longer for a long YAML; beyond so many differences, or so many
# bytes times differences, kinds are exchanged whole.
_MOST, _MOST_BYTES = 40, 400_000


# What is exchanged together.
_Group = tuple[tuple[InputChange, ...], tuple[Exchange | SourceEdit, ...]]


class _Trial(NamedTuple):
    """What comes of exchanging some inputs: the plan as JSON, None where it does not compile."""

    inputs: tuple[InputChange, ...]
    plan: Mapping[str, Any] | None


def explained(
    found: Sequence[Change], old: ReviewedPlan, new: ReviewedPlan, before: Inputs | None, after: Inputs | None
) -> list[Change]:
    """Return the changes with their causes, as well as they can be known.

    Args:
        found: what differs between ``old`` and ``new``.
        before, after: the inputs of the two, None where they are not at hand.
    """
    if before is None or after is None:
        return [_guessed(change, old, new, ()) for change in found]
    steps = list(exchanges(before, after))
    together = too_many(steps, before)
    if len({step.kind for step, _ in steps}) == 1 and (len(steps) == 1 or together):
        return [_known(change, tuple(step for step, _ in steps)) for change in found]
    first = base(before, after)
    groups = _groups(steps, together)
    forward = [_Trial(told, made_with(first, taken)) for told, taken in groups]
    left = [change for change in found if _is_new(change) or not _doing(change, forward)]
    backward = _without_each(first, groups, new) if left else []
    return [_attributed(change, forward, backward, old, new) for change in found]


class Base(NamedTuple):
    """What exchanges are made in: a request, and its YAML."""

    request: Request
    tree: Tree | None


def too_many(steps: Sequence[Step], before: Inputs) -> bool:
    """Tell whether differences are too many to try each by itself."""
    return len(steps) > _MOST or len(steps) * len(before.data) > _MOST_BYTES


def base(before: Inputs, after: Inputs) -> Base:
    """Return the request of the first of two plans, with what only the second tells of machine and models."""
    machine = both_targets(before, after)
    request = replace(before.request(), reader=both_models(before, after), target=lambda: machine)
    return Base(request, before.tree())


def _groups(steps: Sequence[Step], together: bool) -> list[_Group]:
    """Return what is exchanged together: each difference by itself, or each kind where there are too many."""
    if not together:
        return [((told,), (exchange,)) for told, exchange in steps]
    kinds = dict.fromkeys(told.kind for told, _ in steps)
    chosen = [[step for step in steps if step[0].kind == kind] for kind in kinds]
    return [(tuple(told for told, _ in group), tuple(exchange for _, exchange in group)) for group in chosen]


def made_with(first: Base, taken: Sequence[Exchange | SourceEdit]) -> Mapping[str, Any] | None:
    """Return the plan that a request gives with some exchanges, None if it does not compile."""
    try:
        text = compile(exchanged(first.request, taken, first.tree)).text
    except ValueError:
        return None
    return None if text is None else dict(json.loads(text))


def _without_each(first: Base, groups: Sequence[_Group], new: ReviewedPlan) -> list[_Trial]:
    """Return what comes of exchanging everything but one group, for what several do only together."""
    every = made_with(first, [exchange for _, taken in groups for exchange in taken])
    if every != new.document:
        return []
    return [
        _Trial(told, made_with(first, [item for other, taken in groups if other is not told for item in taken]))
        for told, _ in groups
    ]


def _doing(change: Change, trials: Sequence[_Trial]) -> tuple[InputChange, ...]:
    """Return the inputs that change a value when they alone are exchanged, those that make it the new one first."""
    made = [trial for trial in trials if trial.plan is not None]
    whole = [trial for trial in made if is_same(at(trial.plan, change.path), change.new)]
    some = [trial for trial in made if not is_same(at(trial.plan, change.path), change.old)]
    if ABSENT in (change.old, change.new):
        # What makes something else of it has not brought it or taken it away.
        some = [trial for trial in some if (at(trial.plan, change.path) is ABSENT) == (change.new is ABSENT)]
    return tuple(told for trial in whole or some for told in trial.inputs)


def _attributed(
    change: Change, forward: Sequence[_Trial], backward: Sequence[_Trial], old: ReviewedPlan, new: ReviewedPlan
) -> Change:
    doing = _doing(change, forward)
    if _is_new(change) or not doing:
        needed = [trial for trial in backward if not is_same(at(trial.plan, change.path), change.new)]
        doing = tuple(dict.fromkeys((*doing, *(told for trial in needed for told in trial.inputs))))
    return _known(change, doing) if doing else _guessed(change, old, new, [trial.inputs for trial in forward])


def _is_new(change: Change) -> bool:
    """Tell whether a module came: what switches it on is one thing, and what it then is may be another."""
    return change.old is ABSENT and change.key == "(module)"


def _known(change: Change, inputs: tuple[InputChange, ...]) -> Change:
    kinds = tuple(dict.fromkeys(told.kind for told in inputs))
    return replace(change, causes=kinds, cause_known=True, inputs=inputs)


def _guessed(change: Change, old: ReviewedPlan, new: ReviewedPlan, known: Sequence[tuple[InputChange, ...]]) -> Change:
    kinds = tuple(dict.fromkeys(told.kind for inputs in known for told in inputs))
    guess = _guess(change, old, new)
    return replace(change, causes=kinds if kinds and guess not in kinds else (guess,))


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
    if change.address and change.path[2:4] in (("model", "files"), ("model", "processing"), ("model", "formats")):
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
