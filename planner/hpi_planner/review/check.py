"""Does a committed plan still follow from its inputs?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpi_schemas.canonical import dumps, loads

from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics.model import Diagnostic
from hpi_planner.models import RecordedReader
from hpi_planner.passes.freeze import RULES
from hpi_planner.request import make
from hpi_planner.review import exchanges, plans, statements, whole
from hpi_planner.review.differences import Change, changes
from hpi_planner.review.names import Names
from hpi_planner.review.paths import at
from hpi_planner.review.plans import ReviewedPlan, ReviewError
from hpi_planner.review.said import Sources
from hpi_planner.review.statements import Statement
from hpi_planner.review.telling import Side, Telling
from hpi_planner.review.words import Words


@dataclass(frozen=True)
class Checked:
    """The outcome of one check.

    Attributes:
        plan: the committed plan.
        diagnostics: what the compiler found this time, with the texts that they point into.
        texts: those texts.
        changes: what differs from the committed plan; empty if it still follows.
        statements: what that comes to.
        compiled: there is a plan at all.
        canonical: the committed bytes are canonical JSON.
        line_ends: they are but for their line ends.
    """

    plan: ReviewedPlan
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    statements: tuple[Statement, ...] = ()
    compiled: bool = True
    canonical: bool = True
    line_ends: bool = False


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
    given = None if pipeline is None else Path(pipeline)
    profile = None if plan.measured is None else plan.measured.path
    for path in (given, None if source is None else Path(source.path), profile):
        if path is not None:
            plans.check_confined(path)
    recorded = plan.plan.source.builtin if source is None else str(source)
    try:
        request = _request(plan, pipeline or str(recorded), models, root, trust_models)
    except ValueError as fault:
        raise ReviewError(f"{name} was made with something that this version does not read: {fault}") from None
    ir = compile(request)
    if ir.plan is None or ir.text is None:
        return Checked(plan, ir.diagnostics, dict(ir.texts), compiled=False)
    now = ReviewedPlan(plan.place, ir.text, ir.plan, loads(ir.text))
    found = changes(plan, now)
    trusted = ir.text if trust_models or not found else compile(_trusting(request, plan)).text
    explained = [replace(change, causes=(cause,), cause_known=True) for change, cause in _causes(found, plan, trusted)]
    written = dumps(plan.document)
    canonical, same = written == plan.text, written == plan.text.replace("\r\n", "\n")
    return Checked(
        plan,
        ir.diagnostics,
        dict(ir.texts),
        tuple(explained),
        tuple(_statements(plan, now, request, explained)),
        canonical=canonical,
        line_ends=same and not canonical,
    )


def _statements(
    plan: ReviewedPlan, now: ReviewedPlan, request: Request, explained: Sequence[Change]
) -> Sequence[Statement]:
    """Return what the changes come to, with places in the YAML of today."""
    sources = Sources(request)
    names = Names((*now.modules, *plan.modules))
    both = Telling(Side(plan, None, Words(plan.plan)), Side(now, sources, Words(now.plan, sources)), names)
    return statements.ordered(statements.merged(whole.told(both, explained), names))


def _causes(found: Sequence[Change], plan: ReviewedPlan, trusted: str | None) -> Iterator[tuple[Change, str]]:
    """Yield why each change came: the overrides and the target are the same, by construction.

    Args:
        found: the changes.
        plan: the committed plan.
        trusted: what the source gives with the models as the plan records them, None if nothing.
    """
    data = None if trusted is None else loads(trusted)
    otherwise = exchanges.SOURCE if plan.plan.rules == RULES else exchanges.RULES
    if any(change.path == ("source", "profile", "digest") for change in found):
        # The one that it was made with is gone, so what the YAML does beside it cannot be known.
        otherwise = exchanges.PROFILE
    for change in found:
        if data is None or repr(at(data, change.path)) == repr(at(plan.document, change.path)):
            yield change, exchanges.MODEL
        else:
            yield change, otherwise


def _trusting(request: Request, plan: ReviewedPlan) -> Request:
    return replace(request, reader=RecordedReader(plan.modules, plan.plan.external))


def _request(plan: ReviewedPlan, pipeline: str, models: Sequence[str], root: str | None, trust_models: bool) -> Request:
    made = make(pipeline, plan.overrides, None, models, root, Path(plan.place.path).parent, plan.measured)
    made = replace(made, target=plan.target)
    return _trusting(made, plan) if trust_models else made
