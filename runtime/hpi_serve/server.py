"""The server as an ASGI application: which route does what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.fetch import Stop
from hpi_schemas.packages import missing
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hpi_serve import bodies, errors, metrics, tensors
from hpi_serve.admission import Admission, not_ready, unless_gone
from hpi_serve.catalog import Catalog
from hpi_serve.errors import RequestError
from hpi_serve.metrics import Metrics
from hpi_serve.models import Models
from hpi_serve.options import Options
from hpi_serve.serving import Serving
from hpi_serve.tracing import RequestSpan, Tracing

if TYPE_CHECKING:
    from hpi_serve.rpc import RpcServer

LOG = logging.getLogger("hpi_serve.requests")
SERVER_LOG = logging.getLogger("hpi_serve")
_PLAN = "X-HPI-Plan"
Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """Answers requests for a catalog of plans.

    Attributes:
        catalog: of what is served.
        is_draining: it is not ready any more, and answers what still comes.
    """

    def __init__(self, paths: Sequence[Path], options: Options) -> None:
        """Take the plans and how they are served."""
        self.options = options
        self.metrics = Metrics()
        self._tracing = Tracing()
        self.catalog = Catalog(paths, options, self.metrics, self._tracing)
        self.is_draining = False
        self._rpc: RpcServer | None = None
        self._models = Models(self.catalog)
        self._admission = Admission(options.waiting, options.token, self.metrics)

    def app(self, loaded: Callable[[Exception | None], None] = lambda _: None) -> Starlette:
        """Return the application.

        Args:
            loaded: is told that the plans are loaded, or why they are not.
        """
        self._rpc = self._made_rpc()

        async def load() -> None:
            try:
                if self._rpc is not None and self.options.grpc is not None:
                    host, port = self.options.grpc
                    SERVER_LOG.info("listens on grpc://%s:%d", host, await self._rpc.start(host, port))
                await self.catalog.load()
                loaded(None)
            except Exception as fault:
                self.catalog.fault = fault
                loaded(fault)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            loading = asyncio.ensure_future(load())
            try:
                yield
            finally:
                await loading
                await self.end()
                await self.catalog.close()

        protocol = tensors.Protocol(self._models, self.options.body_bytes, self.options.seconds)
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._guarded(self._metrics)),
                *protocol.routes(self._guarded, self._is_ready),
                Route("/{path:path}", self._logged(self._infer), methods=["POST"]),
            ],
            exception_handlers={HTTPException: _not_found},
            lifespan=lifespan,
        )

    async def end(self) -> None:
        """Take no more requests by gRPC, and wait for those under way; those of HTTP are the web server's."""
        if self._rpc is not None:
            await self._rpc.stop()

    def _made_rpc(self) -> RpcServer | None:
        """Return what answers by gRPC, where that is asked for.

        Raises:
            PlanError: its package is missing.
        """
        if self.options.grpc is None:
            return None
        try:
            from hpi_serve.rpc import RpcServer, Rules
        except ImportError:
            raise PlanError(missing("tritonclient")) from None

        def told(status: int, seconds: float, span: RequestSpan) -> None:
            self._tell({"plan": "", "route": "grpc", "code": status}, seconds, span)

        bounds = self.options.body_bytes, self.options.waiting, self.options.seconds
        return RpcServer(self._models, Rules(self._admission, self._is_ready, *bounds, told, self._tracing))

    def _is_ready(self) -> bool:
        return self.catalog.is_ready and not self.is_draining

    async def _health(self, _: Request) -> Response:
        return _json({"logId": str(uuid4()), "errorCode": 0, "errorMsg": "Healthy"})

    async def _ready(self, _: Request) -> Response:
        told: dict[str, Any] = {"ready": self._is_ready()}
        told["plans"] = {item.name: item.digest for item in self.catalog.all}
        if self.catalog.fault is not None:
            told["fault"] = str(errors.of(self.catalog.fault))
        return _json(told, 200 if told["ready"] else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(self.metrics.text(), media_type=metrics.CONTENT_TYPE)

    def _guarded(self, handler: Handler) -> Handler:
        """Let in who brings the token, and not too many where something is run; answer errors as the protocol does."""

        async def guarded(request: Request) -> Response:
            try:
                self._admission.check_token(request.headers.get("authorization", ""))
                if request.method != "POST":
                    # Who wants to know how busy it is must hear it.
                    return await handler(request)
                with self._admission.entered():
                    return await handler(request)
            except Exception as found:
                fault = errors.of(found)
                if request.method == "POST":
                    await bodies.discard(request, self.options.body_bytes)
                return _json({"error": str(fault)}, fault.status, fault.headers)

        async def counted(request: Request) -> Response:
            if request.method != "POST":
                response = await guarded(request)
                self._close_if_draining(response)
                return response
            started = time.perf_counter()
            with self._tracing.request(request.headers) as span:
                response = await guarded(request)
                self._close_if_draining(response)
                told = {"plan": "", "route": "/v2", "code": response.status_code}
                self._tell(told, time.perf_counter() - started, span)
            return response

        return counted

    def _close_if_draining(self, response: Response) -> None:
        """Let the client take another connection next time: on this one the next request would be lost."""
        if self.is_draining:
            response.headers["Connection"] = "close"

    def _tell(self, told: dict[str, Any], seconds: float, span: RequestSpan) -> None:
        """Count a request, say what came of it, and log a line about it."""
        self.metrics.answered(told["plan"], told["route"], told["code"], seconds)
        span.tell("POST", told["route"], told["code"], plan=told["plan"], log_id=told.get("log_id", ""))
        LOG.info("answered", extra={"request": {**told, "seconds": round(seconds, 4)}})

    def _logged(self, handler: Callable[[Request, dict[str, Any], RequestSpan], Awaitable[Response]]) -> Handler:
        """Answer errors as PaddleX does, count the request, and log a line about it without its content."""

        async def logged(request: Request) -> Response:
            with self._tracing.request(request.headers) as span:
                return await answered(request, span)

        async def answered(request: Request, span: RequestSpan) -> Response:
            started = time.perf_counter()
            told: dict[str, Any] = {"plan": "", "route": ""}
            try:
                response = await handler(request, told, span)
            except Exception as found:
                fault = errors.of(found)
                if "bytes" not in told:
                    await bodies.discard(request, self.options.body_bytes)
                if fault.status == 500:
                    # Of others it is the request that is wrong, whose words are not ours to keep.
                    told["error"] = str(fault)
                response = _failed(fault)
            self._close_if_draining(response)
            told["code"] = response.status_code
            self._tell(told, time.perf_counter() - started, span)
            if response.status_code == 499:
                self.metrics.cancelled.labels(told["plan"]).inc()
            return response

        return logged

    async def _infer(self, request: Request, told: dict[str, Any], span: RequestSpan) -> Response:
        deadline = asyncio.get_running_loop().time() + self.options.seconds
        self._admission.check_token(request.headers.get("authorization", ""))
        name, _, route = request.path_params["path"].rpartition("/")
        with self._admission.entered():
            if not self.catalog.is_ready:
                raise not_ready()
            with self.catalog.using(name or None) as serving:
                if serving is None or serving.contract is None or serving.contract.path != f"/{route}":
                    raise RequestError(404, "Not Found")
                told.update(plan=serving.name, route=serving.contract.path)
                return await self._answered(request, serving, deadline, told, span)

    async def _answered(
        self, request: Request, serving: Serving, deadline: float, told: dict[str, Any], span: RequestSpan
    ) -> Response:
        waited = self.metrics.waiting(serving.name)
        body = await bodies.read(request, self.options.body_bytes, deadline)
        told["bytes"] = len(body)
        left = asyncio.ensure_future(bodies.gone(request))
        stop = Stop()
        try:
            asked = await unless_gone(serving.read(body, stop), left, deadline)
            told["log_id"] = asked.log_id
            asked.owner = span.owner
            del body
            try:
                answer = await unless_gone(serving.answer(asked, waited), left, deadline)
            except RequestError as fault:
                asked.cancel()
                fault.log_id = asked.log_id
                raise
        finally:
            left.cancel()
            stop.set()
        return Response(answer, media_type="application/json", headers={_PLAN: serving.digest})


async def _not_found(_: Request, found: Exception) -> Response:
    """Answer for a path that is not there, or a method that it does not have, as PaddleX does."""
    assert isinstance(found, HTTPException)
    return _failed(RequestError(found.status_code, found.detail, found.headers or {}))


def _failed(fault: RequestError) -> Response:
    told = {"logId": fault.log_id or str(uuid4()), "errorCode": fault.status, "errorMsg": str(fault)}
    return _json(told, fault.status, fault.headers)


def _json(value: Any, status: int = 200, headers: Any = None) -> Response:
    return Response(orjson.dumps(value), status, dict(headers or {}), "application/json")
