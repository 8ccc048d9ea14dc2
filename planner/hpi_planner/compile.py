"""The compiler: a request in, a plan out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hpi_schemas.plan.model import Source
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import ordered
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, Pass
from hpi_planner.models import ModelReader
from hpi_planner.passes.bind_target import BindTarget
from hpi_planner.passes.conform import Conform
from hpi_planner.passes.freeze import Freeze
from hpi_planner.passes.inherit import Inherit
from hpi_planner.passes.locate import Locate
from hpi_planner.passes.override import LayOverrides
from hpi_planner.passes.read import Read
from hpi_planner.passes.schedule import Schedule
from hpi_planner.passes.select import Select
from hpi_planner.passes.share import Share
from hpi_planner.select.profile import Evidence
from hpi_planner.syntax.overrides import Override


@dataclass(frozen=True)
class Request:
    """Everything that a plan depends on.

    Attributes:
        source: the file or the built-in pipeline, as the plan records it; overrides and profile are filled in later.
        source_name: how messages call it.
        data: the bytes of the YAML.
        target: describes the machine; asked by the pass that needs it.
        reader: gives the facts of models.
        overrides: in the order in which they act.
        profile: what was measured, None to decide by prior knowledge.
    """

    source: Source
    source_name: str
    data: bytes
    target: Callable[[], Target]
    reader: ModelReader
    overrides: tuple[Override, ...] = ()
    profile: Evidence | None = None


def passes(request: Request) -> tuple[Pass, ...]:
    """Return the passes in order."""
    return (
        Read(request.source_name, request.data),
        LayOverrides(request.overrides),
        Inherit(),
        BindTarget(request.target),
        Locate(request.reader),
        Select(request.profile),
        Share(),
        Conform(),
        Schedule(),
        Freeze(),
    )


def compile(request: Request, stop_after: str = "freeze") -> Ir:
    """Run the passes in order, up to and including ``stop_after``.

    Returns:
        The last state; its ``plan`` is None if there were errors or it stopped before ``freeze``.

    Raises:
        ValueError: no pass is called ``stop_after``.
    """
    steps = passes(request)
    names = [step.name for step in steps]
    if stop_after not in names:
        raise ValueError(f"there is no pass `{stop_after}`; {did_you_mean(stop_after, names)}")
    profile = None if request.profile is None else request.profile.reference
    overrides = tuple(layer.token for layer in request.overrides)
    ir = Ir(source=replace(request.source, overrides=overrides, profile=profile))
    for step in steps[: names.index(stop_after) + 1]:
        ir = step.apply(ir)
    return replace(ir, diagnostics=ordered(ir.diagnostics))
