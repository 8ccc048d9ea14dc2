"""What a server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts what happens to requests, and what it takes.

    Attributes:
        rejected: requests that were not taken, by the reason.
        cancelled: those whose clients left before the answer, by plan.
        in_flight: taken and not answered.
        shadowed: those that ran through the shadow, by what came of it.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("hpi_requests", "Requests that were answered.", ["plan", "route", "code"], **made)
        self._latency = Histogram(
            "hpi_request_seconds", "From a request to its answer.", ["plan", "route"], buckets=_SECONDS, **made
        )
        self._queue = Histogram(
            "hpi_queue_seconds", "From a request to the turn of its work.", ["plan"], buckets=_SECONDS, **made
        )
        labels = ["plan", "stage", "step"]
        self._stages = Histogram("hpi_stage_seconds", "A step of a stage.", labels, buckets=_STAGE_SECONDS, **made)
        self._batches = Histogram(
            "hpi_batch_size", "Elements of what a model ran on.", ["plan", "module"], buckets=_SIZES, **made
        )
        self._plans = Gauge("hpi_plan_info", "The plans that are served.", ["plan", "digest", "pipeline"], **made)
        self._fallbacks = Gauge(
            "hpi_fallback_info",
            "Modules that do not run on their plan's first engine.",
            ["plan", "module", "backend"],
            **made,
        )
        self.in_flight = Gauge("hpi_in_flight", "Requests that were taken and are not answered.", **made)
        self.rejected = Counter("hpi_rejected", "Requests that were not taken.", ["reason"], **made)
        self.shadowed = Counter("hpi_shadow_requests", "Requests that ran through the shadow too.", ["outcome"], **made)
        self._same = Counter("hpi_shadow_same", "What of their results was the same.", ["measure"], **made)
        self._all = Counter("hpi_shadow_all", "What of their results was compared.", ["measure"], **made)
        self.cancelled = Counter("hpi_cancelled", "Requests whose clients left.", ["plan"], **made)

    def answered(self, plan: str, route: str, code: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(plan, route, code).inc()
        self._latency.labels(plan, route).observe(seconds)

    def waiting(self, plan: str) -> Callable[[], None]:
        """Begin to measure how long a request waits; what is returned ends it."""
        started, queue = time.perf_counter(), self._queue.labels(plan)
        return lambda: queue.observe(time.perf_counter() - started)

    def timer(self, plan: str) -> Callable[[str, str, float], None]:
        """Return what is told how long each step of a pipeline took."""
        return lambda stage, step, seconds: self._stages.labels(plan, stage, step).observe(seconds)

    def observer(self, plan: str) -> Callable[[str, Any, Any], None]:
        """Return what is told the arrays of each run of a model."""

        def observe(module: str, inputs: Any, _: Any) -> None:
            first = next(iter(inputs.values()))
            self._batches.labels(plan, module).observe(first.shape[0] if first.ndim else 1)

        return observe

    def serves(self, plan: str, digest: str, pipeline: str, fallbacks: dict[str, str]) -> None:
        """Say that a plan is served from now on."""
        self._plans.labels(plan, digest, pipeline).set(1)
        for module, backend in fallbacks.items():
            self._fallbacks.labels(plan, module, backend).set(1)

    def dropped(self, plan: str, digest: str, pipeline: str, fallbacks: dict[str, str]) -> None:
        """Say that it is no more."""
        self._plans.remove(plan, digest, pipeline)
        for module, backend in fallbacks.items():
            self._fallbacks.remove(plan, module, backend)

    def agreed(self, measure: str, same: int, total: int) -> None:
        """Count what is the same in two results, of how many."""
        self._same.labels(measure).inc(same)
        self._all.labels(measure).inc(total)

    def text(self) -> bytes:
        """Return all in the text format of Prometheus."""
        return generate_latest(self._registry)
