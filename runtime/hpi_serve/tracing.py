"""Spans of OpenTelemetry: one a request, and below it one for each step of each stage that was taken for it.

Without its API nothing is done, nor where nobody records: who collects spans is set up outside, such as by
``opentelemetry-instrument hpi-serve plan.json``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

try:
    from opentelemetry import propagate, trace
except ImportError:
    trace = None  # type: ignore[assignment]

_NAME = "hpi_serve"
_NANO = 1_000_000_000


class RequestSpan:
    """The span of a request.

    Attributes:
        owner: what steps are taken for; None where nobody records them.
    """

    def __init__(self, span: Any = None) -> None:
        self._span = span
        self.owner = None if span is None else trace.set_span_in_context(span)

    def tell(self, method: str, route: str, status: int, **facts: str) -> None:
        """Say what came of it.

        Args:
            method: of the request.
            route: that it took, without what clients write into it.
            status: of the answer.
            facts: more of it, by name.
        """
        if self._span is None:
            return
        self._span.update_name(f"{method} {route}".strip())
        # https://opentelemetry.io/docs/specs/semconv/http/http-spans/
        named = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        self._span.set_attributes({**named, **{f"hpi.{name}": value for name, value in facts.items()}})
        if status >= 500:
            self._span.set_status(trace.StatusCode.ERROR)


class Tracing:
    """Makes spans, in any thread."""

    def __init__(self) -> None:
        """Take the tracer of this process."""
        self._tracer = None if trace is None else trace.get_tracer(_NAME)

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        """Give the span of a request, below that of whoever sent it.

        Args:
            headers: of the request, their names in lower case.
        """
        if self._tracer is None:
            yield RequestSpan()
            return
        above = propagate.extract(dict(headers))
        # What ends a request early is an answer like others.
        begun = self._tracer.start_as_current_span(
            "request", above, trace.SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        )
        with begun as span:
            yield RequestSpan(span if span.is_recording() else None)

    def step(self, stage: str, step: str, seconds: float, owners: Sequence[Any]) -> None:
        """Note a step that ended now, below each request that it was taken for."""
        if self._tracer is None or not owners:
            return
        ended = time.time_ns()
        began = ended - int(seconds * _NANO)
        # By identity: pages of one request share it.
        for owner in {id(owner): owner for owner in owners}.values():
            own = sum(other is owner for other in owners)
            facts: dict[str, Any] = {"hpi.stage": stage, "hpi.step": step, "hpi.items": own, "hpi.batch": len(owners)}
            span = self._tracer.start_span(f"{stage} {step}", owner, attributes=facts, start_time=began)
            span.end(ended)
