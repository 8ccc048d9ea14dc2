"""A plan that is served: a loaded pipeline, and the threads that answer requests with it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from hpi_planner import vary
from hpi_runtime.inputs.fetch import Stop
from hpi_runtime.inputs.pdf import is_pdf
from hpi_runtime.results.result import Result
from hpi_runtime.run import arguments
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.session import Session
from hpi_runtime.run.variant import Variant
from hpi_schemas.plan.serving import ServingRecord

from hpi_serve import contract as contracts
from hpi_serve import errors, pages, requests, things
from hpi_serve.contract import FILE, IMAGE
from hpi_serve.errors import RequestError
from hpi_serve.options import Options
from hpi_serve.requests import Request
from hpi_serve.shadow import Shadow

# Settings of requests whose tasks are kept; each holds what its models' configurations hold, an alphabet say.
_VARIANTS = 8
# Requests that are read at a time, and those of them that have a URL fetched.
_READERS, _FETCHERS = 2, 8


class Serving:
    """Answers requests. Its methods may be called from any thread.

    Attributes:
        name: of the plan among those that are served.
        pipeline: that answers.
        contract: of the pipeline, None where PaddleX's server has none that is served here.
    """

    def __init__(self, name: str, pipeline: NativePipeline, options: Options, shadow: Shadow | None = None) -> None:
        """Start the threads.

        Args:
            name: see above.
            pipeline: see above; it is closed with this, and so is the shadow.
            options: how requests are answered.
            shadow: sees what was answered.
        """
        self.name = name
        self.pipeline = pipeline
        self.contract = contracts.find(pipeline.plan.plan.pipeline.name)
        self._usual = pipeline.plan.plan.serving or ServingRecord()
        most = 1 if self.contract is not None and self.contract.takes == IMAGE else self._usual.most_pages
        pages = options.limits.pages
        self._limits = replace(options.limits, pages=pages if most is None else min(pages, most))
        self._session = Session(pipeline, limits=self._limits)
        self._readers = ThreadPoolExecutor(_READERS, f"serve-read-{name}")
        self._fetchers = ThreadPoolExecutor(_FETCHERS, f"serve-fetch-{name}")
        self._workers = ThreadPoolExecutor(options.workers or _workers(pipeline), f"serve-work-{name}")
        self._shadow = shadow
        self._variants: OrderedDict[bytes, Variant] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def digest(self) -> str:
        """Of the plan."""
        return self.pipeline.plan.digest

    def read(self, body: bytes, stop: Stop) -> Future[Request]:
        """Read a request soon; what holds it raises RequestError where it is none.

        Args:
            body: of the request.
            stop: ends what it has fetched, when nobody waits for it any more.
        """
        assert self.contract is not None
        # What may name a URL, escaped ones too; others do not wait for what is slow to come.
        pool = self._fetchers if b"://" in body or b"\\" in body else self._readers
        return pool.submit(requests.read, self.contract, body, self._limits, stop)

    def answer(self, request: Request, began: Any) -> Future[bytes]:
        """Answer a request when its turn comes; what holds the answer raises RequestError where there is none.

        Args:
            request: that was read.
            began: is called when its turn has come.
        """
        return self._workers.submit(self._answer, request, began)

    def run_model(self, address: str, arrays: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Run the model of a module alone, in the turn of requests."""
        return self._workers.submit(self.pipeline.run_model, address, dict(arrays))

    def close(self) -> None:
        """Answer what waits, and free everything."""
        self._readers.shutdown()
        self._fetchers.shutdown()
        self._workers.shutdown()
        self._session.close()
        self.pipeline.close()
        if self._shadow is not None:
            self._shadow.close()

    def _answer(self, request: Request, began: Any) -> bytes:
        began()
        try:
            result = self._result(request)
            envelope = {"logId": request.log_id, "result": result, "errorCode": 0, "errorMsg": "Success"}
            return orjson.dumps(envelope, option=orjson.OPT_NON_STR_KEYS)
        except Exception as fault:
            raise errors.of(fault) from fault

    def _result(self, request: Request) -> dict[str, Any]:
        contract = self.contract
        assert contract is not None
        results = self._results(request)
        for item in results:
            if item.is_failed:
                page = "" if item["page_index"] is None or len(results) == 1 else f"page {item['page_index']}: "
                raise errors.of_input(item["error"]["code"], page + item["error"]["message"])
        if request.is_cancelled:
            raise _nobody_waits()
        visualize = self._usual.visualize if request.visualize is None else request.visualize
        if contract.takes != FILE:
            return things.answer(contract, results[0], visualize)
        asked = pages.Asked(visualize, self._usual.largest, request.markdown_images)
        return pages.answer(contract, results, is_pdf(request.data), asked)

    def _results(self, request: Request) -> Sequence[Result]:
        if request.is_cancelled:
            raise _nobody_waits()
        changes = arguments.changes(self.pipeline.plan, self.pipeline.plan.graph, request.settings)
        if changes:
            found = []
            for result in self._variant(changes).predict(request.data, limits=self._limits, owner=request.owner):
                found.append(result)
                if request.is_cancelled:
                    raise _nobody_waits()
            return found
        future = self._session.submit(request.data, request.owner)
        request.abandon = partial(self._session.abandon, future)
        if request.is_cancelled:
            request.abandon()
        try:
            results = future.result()
        except CancelledError:
            raise _nobody_waits() from None
        if self._shadow is not None:
            self._shadow.consider(request.data, self._limits, results)
        return results

    def _variant(self, changes: Mapping[str, Any]) -> Variant:
        key = orjson.dumps(changes, option=orjson.OPT_SORT_KEYS)
        with self._lock:
            if key in self._variants:
                self._variants.move_to_end(key)
                return self._variants[key]
        try:
            varied = vary.vary(self.pipeline.plan.plan, changes)
        except vary.VaryError as fault:
            raise RequestError(422, str(fault)) from None
        made = self.pipeline.varied(varied.graph, varied.settings)
        with self._lock:
            self._variants[key] = made
            while len(self._variants) > _VARIANTS:
                self._variants.popitem(last=False)
        return made


def _nobody_waits() -> RequestError:
    return RequestError(499, "nobody waits for this any more")


def _workers(pipeline: NativePipeline) -> int:
    """Return how many requests keep a plan busy: more wait inside, where nobody can take them back."""
    streams = max((engine.streams for engine in pipeline.engines.values()), default=1)
    return 1 + streams * max(1, len(pipeline.plan.plan.replicas))
