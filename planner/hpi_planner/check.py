"""Does a committed plan still follow from its inputs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hpi_schemas.canonical import dumps, loads
from hpi_schemas.target import from_json

from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics import Diagnostic
from hpi_planner.facts import RecordedReader
from hpi_planner.overrides import from_token
from hpi_planner.passes.freeze import RULES
from hpi_planner.request import make
from hpi_planner.review import causes, plans
from hpi_planner.review.changes import Change, changes
from hpi_planner.review.plans import ReviewedPlan


@dataclass(frozen=True)
class Checked:
    """The outcome of one check.

    Attributes:
        plan: the committed plan.
        diagnostics: what the compiler found this time, with the texts that they point into.
        texts: those texts.
        changes: what differs from the committed plan; empty if it still follows.
        compiled: there is a plan at all.
        canonical: the committed bytes are canonical JSON.
    """

    plan: ReviewedPlan
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    compiled: bool = True
    canonical: bool = True


def check(
    name: str,
    pipeline: str | None = None,
    models: Sequence[str] = (),
    root: str | None = None,
    trust_models: bool = False,
) -> Checked:
    """Compile again for the target that a plan records, and compare.

    Args:
        name: the committed plan.
        pipeline: its YAML; by default the one that the plan names.
        models, root: where models are, as with ``hpi-plan``.
        trust_models: take formats and digests from the plan itself.

    Raises:
        ReviewError, RequestError: the plan or its YAML cannot be read.
    """
    plan = plans.load(name)
    source = plan.source
    recorded = plan.data["source"].get("builtin") if source is None else str(source)
    request = _request(plan, pipeline or str(recorded), models, root, trust_models)
    ir = compile(request)
    if ir.plan is None:
        return Checked(plan, ir.diagnostics, dict(ir.texts), compiled=False)
    again = plans.parse(plan.place, ir.plan.encode())
    found = changes(plan.data, again.data)
    trusting = compile(replace(request, reader=RecordedReader(plan.modules))).plan
    trusted = None if trusting is None else loads(trusting)
    explained = [replace(change, causes=(_cause(change, plan, trusted),), cause_known=True) for change in found]
    canonical = dumps(plan.data) == plan.text
    return Checked(plan, ir.diagnostics, dict(ir.texts), tuple(explained), canonical=canonical)


def _cause(change: Change, plan: ReviewedPlan, trusted: Mapping[str, Any] | None) -> str:
    """Return why a committed plan differs: its overrides and its target are the same, by construction."""
    if trusted is None or repr(causes.at(trusted, change.path)) == repr(causes.at(plan.data, change.path)):
        return causes.MODEL
    return causes.SOURCE if plan.data["rules"] == RULES else causes.RULES


def _request(plan: ReviewedPlan, pipeline: str, models: Sequence[str], root: str | None, trust_models: bool) -> Request:
    layers = tuple(from_token(token) for token in plan.data["source"]["overrides"])
    made = make(pipeline, layers, None, models, root, Path(plan.place.path).parent)
    reader = RecordedReader(plan.modules) if trust_models else made.reader
    return replace(made, target=lambda: from_json(plan.data["target"]), reader=reader)
