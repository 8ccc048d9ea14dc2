"""The compiler: a request in, a plan out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hpi_schemas.plan.model import Source
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import ordered
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, Pass
from hpi_planner.syntax.overrides import Override

if TYPE_CHECKING:
    from hpi_planner.models import ModelReader
    from hpi_planner.select.profile import Evidence


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


# The passes in order.
PASSES = (
    *("read", "override", "inherit", "bind_target", "locate"),
    *("select", "share", "conform", "schedule", "host", "serving", "freeze"),
)


def passes(request: Request) -> Iterator[Pass]:
    """Yield the passes in order; each is imported when it is its turn, so that an early stop does not pay for all."""
    from hpi_planner.passes.read import Read

    yield Read(request.source_name, request.data)

    from hpi_planner.passes.override import LayOverrides

    yield LayOverrides(request.overrides)

    from hpi_planner.passes.inherit import Inherit

    yield Inherit()

    from hpi_planner.passes.bind_target import BindTarget

    yield BindTarget(request.target)

    from hpi_planner.passes.locate import Locate

    yield Locate(request.reader)

    from hpi_planner.passes.select import Select

    yield Select(request.profile)

    from hpi_planner.passes.share import Share

    yield Share()

    from hpi_planner.passes.conform import Conform

    yield Conform()

    from hpi_planner.passes.schedule import Schedule

    yield Schedule()

    from hpi_planner.passes.host import Host

    yield Host()

    from hpi_planner.passes.serving import Serving

    yield Serving()

    from hpi_planner.passes.freeze import Freeze

    yield Freeze()


def compile(request: Request, stop_after: str = PASSES[-1]) -> Ir:
    """Run the passes in order, up to and including ``stop_after``.

    Returns:
        The last state; its ``plan`` is None if there were errors or it stopped before ``freeze``.

    Raises:
        ValueError: no pass is called ``stop_after``.
    """
    if stop_after not in PASSES:
        raise ValueError(f"there is no pass `{stop_after}`; {did_you_mean(stop_after, PASSES)}")
    profile = None if request.profile is None else request.profile.reference
    overrides = tuple(layer.token for layer in request.overrides)
    ir = Ir(source=replace(request.source, overrides=overrides, profile=profile))
    for step in passes(request):
        ir = step.apply(ir)
        if step.name == stop_after:
            break
    return replace(ir, diagnostics=ordered(ir.diagnostics))
