"""Another plan in the shadow of the first: a share of the requests runs through it too, and agreement is counted.

Answers come from the first alone, and do not wait for this.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.results.result import Result
from hpi_runtime.run.native import NativePipeline

from hpi_serve.metrics import Metrics

LOG = logging.getLogger("hpi_serve")


class Shadow:
    """Compares results of two plans."""

    def __init__(self, pipeline: NativePipeline, share: float, metrics: Metrics) -> None:
        """Start its thread.

        Args:
            pipeline: of the other plan.
            share: of the requests, from 0 to 1.
            metrics: count.
        """
        self._pipeline = pipeline
        self._share = share
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, "serve-shadow")
        self._lock = threading.Lock()
        self._due = 0.0
        self._is_busy = False

    def consider(self, data: bytes, limits: Limits, results: Sequence[Result]) -> None:
        """Take a request that was answered, if it is the turn of one, and this is not at another still.

        Args:
            data: that it was about.
            limits: of inputs.
            results: of the first plan.
        """
        with self._lock:
            self._due += self._share
            if self._due < 1:
                return
            self._due -= 1
            if self._is_busy:
                self._metrics.shadowed.labels("skipped").inc()
                return
            self._is_busy = True
        try:
            self._pool.submit(self._compare, data, limits, results)
        except RuntimeError:
            # It ends.
            self._is_busy = False

    def close(self) -> None:
        """Finish what it is at, and free the other plan."""
        self._pool.shutdown(cancel_futures=True)
        self._pipeline.close()

    def _compare(self, data: bytes, limits: Limits, expected: Sequence[Result]) -> None:
        try:
            found = list(self._pipeline.predict(data, limits=limits))
            agreement = Agreement(self._pipeline.fields)
            if len(found) != len(expected):
                raise PlanError(f"{len(found)} pages, and not {len(expected)}")
            for one, other in zip(found, expected, strict=True):
                agreement.add(one, other)
            outcome = "failed" if agreement.faults else "compared"
            for measure, total in agreement.all.items():
                self._metrics.agreed(measure, agreement.same[measure], total)
        except Exception:
            outcome = "failed"
            LOG.exception("the shadow failed")
        finally:
            self._is_busy = False
        self._metrics.shadowed.labels(outcome).inc()
