"""The Open Inference Protocol by gRPC; its messages and its service come with Triton's client, in the extra ``grpc``.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import numpy as np
from google.protobuf.message import DecodeError
from hpi_runtime.errors import PlanError
from tritonclient.grpc import service_pb2 as messages

from hpi_serve import errors
from hpi_serve.admission import Admission
from hpi_serve.errors import RequestError
from hpi_serve.models import DTYPES, NAMES, SERVER, VERSION, Models, Tensor, server_version
from hpi_serve.tracing import RequestSpan, Tracing

# Where a tensor's numbers stand that do not come as bytes; FP16 has no such place.
_CONTENTS = {
    "BOOL": "bool_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
}
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
# What a message may have besides tensors as bytes: parsed, two bytes can become a hundred.
_HEADERS, _MOST_FIELDS = 4 << 20, 1000
# In which a message must have come; and how much of what is wrong is told, for it travels in a header.
_SECONDS, _LONGEST = 30.0, 1000
# Requests that wait to be told that there are too many.
_REFUSED_AT_A_TIME = 8
_RAW = 7


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
                ("grpc.max_receive_message_length", self._rules.body_bytes + _HEADERS),
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
                return answer(_parsed(request, await _message(pieces, _SECONDS)))

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
            inputs=list(_described(found.inputs)),
            outputs=list(_described(found.outputs)),
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
            request = await asyncio.to_thread(_parsed, messages.ModelInferRequest, data)
            self._check(request.model_name, request.model_version)
            arrays = await asyncio.to_thread(_read, request)
            # Who leaves cancels all of this.
            stays: asyncio.Future[None] = loop.create_future()
            found = await self._models.run(request.model_name, arrays, stays, deadline)
            return await asyncio.to_thread(_answer, request, found)

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


def _parsed(kind: Any, data: bytes) -> Any:
    """Return a message from its bytes.

    Raises:
        RequestError: it is none, or would be very large.
    """
    _check_size(data)
    try:
        return kind.FromString(data)
    except DecodeError:
        raise RequestError(400, f"the request is no {kind.DESCRIPTOR.name}") from None


def _check_size(data: bytes) -> None:
    """Refuse a message that has much besides tensors as bytes, before it is parsed.

    Fields follow each other, each behind its number and, where its length is told, that
    (https://protobuf.dev/programming-guides/encoding/). What is not understood is left to the parser.

    Raises:
        RequestError: it has.
    """
    at = count = headers = 0
    while at < len(data):
        begun, (tag, at) = at, _varint(data, at)
        size = 0
        if tag & 7 == 2:
            size, at = _varint(data, at)
        elif tag & 7 == 0:
            _, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(tag & 7, len(data))
        at += size
        count += 1
        headers += 0 if tag >> 3 == _RAW else at - begun
        if headers > _HEADERS or count > _MOST_FIELDS:
            raise RequestError(413, f"tensors of more than {_HEADERS >> 20} MiB come in `raw_input_contents`")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    found = shift = 0
    while at < len(data) and shift < 64:
        found |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            break
    return found, at


def _server(_: Any) -> Any:
    return messages.ServerMetadataResponse(name=SERVER, version=server_version())


def _metadata(context: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in context.invocation_metadata() or ()}


def _described(tensors: Sequence[Tensor]) -> Iterator[Any]:
    for item in tensors:
        made = messages.ModelMetadataResponse.TensorMetadata
        yield made(name=item.name, datatype=item.datatype or "", shape=item.shape or [])


def _read(request: Any) -> dict[str, Any]:
    """Return the tensors of a request by name.

    Raises:
        RequestError: they are none.
    """
    raw = request.raw_input_contents
    if len(raw) not in (0, len(request.inputs)):
        raise RequestError(400, f"{len(request.inputs)} inputs and {len(raw)} of `raw_input_contents`")
    arrays: dict[str, Any] = {}
    for place, item in enumerate(request.inputs):
        if item.name in arrays:
            raise RequestError(400, f"the input {item.name} comes twice")
        if item.datatype not in DTYPES:
            raise RequestError(400, f"the input {item.name} must have one of the datatypes {', '.join(DTYPES)}")
        try:
            flat = np.frombuffer(raw[place], DTYPES[item.datatype]) if raw else _listed(item)
            arrays[item.name] = _shaped(flat, tuple(item.shape))
        except (TypeError, ValueError, OverflowError) as fault:
            raise RequestError(400, f"the input {item.name}: {fault}") from None
    return arrays


def _listed(item: Any) -> Any:
    """Return the numbers of a tensor that do not come as bytes."""
    if item.datatype not in _CONTENTS:
        raise ValueError(f"{item.datatype} comes in `raw_input_contents` alone")
    return np.array(getattr(item.contents, _CONTENTS[item.datatype]), DTYPES[item.datatype])


def _shaped(flat: Any, shape: tuple[int, ...]) -> Any:
    if any(size < 0 for size in shape):
        # To numpy, -1 is a size to be found out.
        raise ValueError("`shape` must be whole numbers")
    return flat.reshape(shape)


def _answer(request: Any, found: Mapping[str, Any]) -> Any:
    """Return tensors as bytes: those that are asked for, or all of them."""
    names = [item.name for item in request.outputs] or list(found)
    if len(set(names)) < len(names) or not set(names) <= found.keys():
        raise RequestError(400, f"`outputs` must name each once of: {', '.join(found)}")
    answer = messages.ModelInferResponse(model_name=request.model_name, model_version=VERSION, id=request.id)
    for name in names:
        array = np.ascontiguousarray(found[name])
        answer.outputs.add(name=name, datatype=NAMES[array.dtype.name], shape=array.shape)
        answer.raw_output_contents.append(array.tobytes())
    return answer
