"""The Open Inference Protocol by gRPC; its messages and its service come with Triton's client, in the extra ``grpc``.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import grpc
from hpi_runtime.errors import PlanError
from tritonclient.grpc import service_pb2 as messages

from hpi_serve import errors, rpc_messages
from hpi_serve.admission import Admission
from hpi_serve.errors import RequestError
from hpi_serve.models import SERVER, VERSION, Models, server_version
from hpi_serve.tracing import RequestSpan, Tracing

# Of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), by those of HTTP.
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    499: grpc.StatusCode.CANCELLED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_SERVICE = "inference.GRPCInferenceService"
# In which a message must have come; and how much of what is wrong is told, for it travels in a header.
_SECONDS, _LONGEST = 30.0, 1000
# Requests that wait to be told that there are too many.
_REFUSED_AT_A_TIME = 8


class Rules(NamedTuple):
    """What holds for requests.

    Attributes:
        admission: lets them in.
        is_ready: tells whether the server is.
        body_bytes: that one may have.
        waiting: how many may be under way.
        seconds: that one may take.
        told: is told the status of each, as HTTP has it, how long it took, and its span.
        tracing: makes that.
    """

    admission: Admission
    is_ready: Callable[[], bool]
    body_bytes: int
    waiting: int
    seconds: float
    told: Callable[[int, float, RequestSpan], None]
    tracing: Tracing


class RpcServer:
    """Listens beside the HTTP server, in the same event loop."""

    def __init__(self, models: Models, rules: Rules) -> None:
        """Take what can be run, and by what rules."""
        self._models = models
        self._rules = rules
        self._server: Any = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port.

        Args:
            host: an address of this machine, or a name of one.
            port: 0 takes a free one.

        Raises:
            PlanError: nothing can listen there.
        """
        # It belongs to the event loop that runs when it is made.
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=self._rules.waiting + _REFUSED_AT_A_TIME,
            options=[
                # A port that another server has would be shared with it in silence.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._rules.body_bytes + rpc_messages.HEADERS),
                ("grpc.max_send_message_length", -1),
            ],
        )
        handlers = _Service(self._models, self._rules).handlers()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            found = int(self._server.add_insecure_port(address))
        except RuntimeError:
            raise PlanError(f"nothing can listen on {address}; name another port with --grpc-port") from None
        await self._server.start()
        return found

    async def stop(self) -> None:
        """Take no more, and wait for what is under way."""
        if self._server is not None:
            await self._server.stop(self._rules.seconds)


class _Service:
    """Answers requests. What Triton has beyond the protocol is not implemented, as gRPC itself says."""

    def __init__(self, models: Models, rules: Rules) -> None:
        self._models = models
        self._rules = rules

    def handlers(self) -> dict[str, Any]:
        """Return what answers each method."""
        return {
            "ServerLive": _handler(messages.ServerLiveResponse, self._live),
            "ServerReady": _handler(messages.ServerReadyResponse, self._ready),
            "ServerMetadata": self._small(messages.ServerMetadataRequest, messages.ServerMetadataResponse, _server),
            "ModelReady": self._small(messages.ModelReadyRequest, messages.ModelReadyResponse, self._model_ready),
            "ModelMetadata": self._small(messages.ModelMetadataRequest, messages.ModelMetadataResponse, self._model),
            "ModelInfer": _handler(messages.ModelInferResponse, self._model_infer),
        }

    def _small(self, request: Any, response: Any, answer: Callable[[Any], Any]) -> Any:
        """Return what answers a method that asks for facts."""

        async def facts(pieces: AsyncIterator[bytes], context: Any) -> Any:
            async def work() -> Any:
                return answer(rpc_messages.parsed(request, await _message(pieces, _SECONDS)))

            return await self._answered(context, work)

        return _handler(response, facts)

    async def _live(self, _: Any, context: Any) -> Any:
        return messages.ServerLiveResponse(live=True)

    async def _ready(self, _: Any, context: Any) -> Any:
        return messages.ServerReadyResponse(ready=self._rules.is_ready())

    def _model_ready(self, request: Any) -> Any:
        self._check(request.name, request.version)
        return messages.ModelReadyResponse(ready=True)

    def _model(self, request: Any) -> Any:
        self._check(request.name, request.version)
        found = self._models.described(request.name)
        return messages.ModelMetadataResponse(
            name=request.name,
            versions=[VERSION],
            platform=found.platform,
            inputs=list(rpc_messages.described(found.inputs)),
            outputs=list(rpc_messages.described(found.outputs)),
        )

    async def _model_infer(self, pieces: AsyncIterator[bytes], context: Any) -> Any:
        started = time.perf_counter()
        with self._rules.tracing.request(_metadata(context)) as span:

            def ended(status: int) -> None:
                self._rules.told(status, time.perf_counter() - started, span)

            return await self._answered(context, lambda: self._infer(pieces, context), ended)

    async def _infer(self, pieces: AsyncIterator[bytes], context: Any) -> Any:
        loop = asyncio.get_running_loop()
        left = context.time_remaining()
        deadline = loop.time() + min(self._rules.seconds, math.inf if left is None else left)
        # Who is still sending holds no place that others need.
        data = await _message(pieces, min(_SECONDS, deadline - loop.time()))
        with self._rules.admission.entered():
            request = await asyncio.to_thread(rpc_messages.parsed, messages.ModelInferRequest, data)
            self._check(request.model_name, request.model_version)
            arrays = await asyncio.to_thread(rpc_messages.read, request)
            # Who leaves cancels all of this.
            stays: asyncio.Future[None] = loop.create_future()
            found = await self._models.run(request.model_name, arrays, stays, deadline)
            return await asyncio.to_thread(rpc_messages.answer, request, found)

    def _check(self, name: str, version: str) -> None:
        self._models.check(name)
        if version not in ("", VERSION):
            raise RequestError(404, f"there is no version `{version}` of the model `{name}`, only {VERSION}")

    async def _answered(
        self, context: Any, answer: Callable[[], Awaitable[Any]], ended: Callable[[int], None] = lambda status: None
    ) -> Any:
        # What ends neither way is cancelled: the client left.
        status = 499
        try:
            self._rules.admission.check_token(_metadata(context).get("authorization", ""))
            found = await answer()
            status = 200
            return found
        except Exception as raised:
            fault = errors.of(raised)
            status = fault.status
        finally:
            ended(status)
        return await context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), str(fault)[:_LONGEST])


def _handler(response: Any, work: Callable[[AsyncIterator[bytes], Any], Awaitable[Any]]) -> Any:
    """Return a method whose message is read when somebody asks for it: nobody's is before it is looked at."""
    return grpc.stream_unary_rpc_method_handler(work, response_serializer=response.SerializeToString)


async def _message(pieces: AsyncIterator[bytes], seconds: float) -> bytes:
    """Return the message of a request.

    Raises:
        RequestError: there is none, or it does not come in time.
    """
    try:
        return await asyncio.wait_for(anext(pieces), seconds)
    except asyncio.TimeoutError:
        raise RequestError(504, "the request took too long to come") from None
    except StopAsyncIteration:
        raise RequestError(400, "the request has no message") from None


def _server(_: Any) -> Any:
    return messages.ServerMetadataResponse(name=SERVER, version=server_version())


def _metadata(context: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in context.invocation_metadata() or ()}
