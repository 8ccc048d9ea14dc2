"""The Open Inference Protocol by HTTP, with the binary tensors of Triton's extension.

(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hpi_serve import bodies
from hpi_serve.errors import RequestError
from hpi_serve.models import DTYPES, NAMES, SERVER, VERSION, Models, Tensor, server_version

_MOST_DIGITS = 12
_HEADER_LENGTH = "Inference-Header-Content-Length"
Guard = Callable[[Any], Any]


class Protocol:
    """Answers its routes."""

    def __init__(self, models: Models, body_bytes: int, seconds: float) -> None:
        """Take what can be run, how large a request may be, and how long it may take to come."""
        self._models = models
        self._body_bytes = body_bytes
        self._seconds = seconds

    def routes(self, guarded: Guard, is_ready: Callable[[], bool]) -> list[Route]:
        """Return the routes.

        Args:
            guarded: makes a handler one that lets in who may come in.
            is_ready: tells whether the server is.
        """

        async def live(_: Request) -> Response:
            return _json({"live": True})

        async def ready(_: Request) -> Response:
            return _json({"ready": is_ready()}, 200 if is_ready() else 503)

        model = "/v2/models/{name}"
        found = [Route("/v2/health/live", live), Route("/v2/health/ready", ready), Route("/v2", guarded(self._server))]
        for path in (model, f"{model}/versions/{VERSION}"):
            found += [
                Route(path, guarded(self._model)),
                Route(f"{path}/ready", guarded(self._model_ready)),
                Route(f"{path}/infer", guarded(self._infer), methods=["POST"]),
            ]
        return found

    async def _server(self, _: Request) -> Response:
        return _json({"name": SERVER, "version": server_version(), "extensions": ["binary_tensor_data"]})

    async def _model_ready(self, request: Request) -> Response:
        self._models.check(request.path_params["name"])
        return _json({"name": request.path_params["name"], "ready": True})

    async def _model(self, request: Request) -> Response:
        found = self._models.described(request.path_params["name"])
        return _json(
            {
                "name": request.path_params["name"],
                "versions": [VERSION],
                "platform": found.platform,
                "inputs": list(map(_told, found.inputs)),
                "outputs": list(map(_told, found.outputs)),
            }
        )

    async def _infer(self, request: Request) -> Response:
        name = request.path_params["name"]
        deadline = asyncio.get_running_loop().time() + self._seconds
        self._models.check(name)
        body = await bodies.read(request, self._body_bytes, deadline)
        left = asyncio.ensure_future(bodies.gone(request))
        try:
            asked, arrays = await asyncio.to_thread(_read, body, request.headers.get(_HEADER_LENGTH))
            found = await self._models.run(name, arrays, left, deadline)
        finally:
            left.cancel()
        return await asyncio.to_thread(_answer, name, asked, found)


def _told(tensor: Tensor) -> dict[str, Any]:
    return {key: value for key, value in tensor._asdict().items() if value is not None}


def _read(body: bytes, header: str | None) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return a request, and its tensors by name.

    Raises:
        RequestError: it is none.
    """
    # More digits than any length has are none.
    is_length = header is not None and header.isdecimal() and len(header) < _MOST_DIGITS
    end = len(body) if header is None else int(header) if is_length else -1
    if not 0 <= end <= len(body):
        raise RequestError(400, f"{_HEADER_LENGTH} is no length of a part of this request")
    try:
        asked = orjson.loads(body[:end])
    except orjson.JSONDecodeError as fault:
        raise RequestError(400, f"the request is no JSON: {fault}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list):
        raise RequestError(400, "`inputs` must be a list of tensors")
    arrays: dict[str, Any] = {}
    for item in asked["inputs"]:
        name, array, end = _tensor(item, body, end)
        if name in arrays:
            raise RequestError(400, f"the input {name} comes twice")
        arrays[name] = array
    return asked, arrays


def _tensor(item: Any, body: bytes, begin: int) -> tuple[str, Any, int]:
    """Return the name of a tensor, its array, and where the next one begins."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise RequestError(400, "each of `inputs` must be a tensor with a `name`")
    name, shape, dtype = item["name"], item.get("shape"), DTYPES.get(str(item.get("datatype")))
    if dtype is None:
        raise RequestError(400, f"the input {name} must have one of the datatypes {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(400, f"the input {name} must have a `shape` of whole numbers")
    size = _parameters(item).get("binary_data_size")
    try:
        if size is None:
            return name, np.array(item.get("data"), dtype).reshape(shape), begin
        if type(size) is not int or size < 0 or begin + size > len(body):
            raise RequestError(400, f"the input {name}: `binary_data_size` is no length of a part of this request")
        return name, np.frombuffer(body[begin : begin + size], dtype).reshape(shape), begin + size
    except (TypeError, ValueError, OverflowError) as fault:
        raise RequestError(400, f"the input {name}: {fault}") from None


def _answer(name: str, asked: Mapping[str, Any], found: Mapping[str, Any]) -> Response:
    """Return tensors: those that are asked for, or all of them."""
    usually = _parameters(asked).get("binary_data_output") is True
    made, tails = [], []
    for wanted, is_binary in _wanted(asked.get("outputs"), found, usually):
        array = np.ascontiguousarray(found[wanted])
        tensor: dict[str, Any] = {"name": wanted, "datatype": NAMES[array.dtype.name], "shape": list(array.shape)}
        if is_binary:
            tensor["parameters"] = {"binary_data_size": array.nbytes}
            tails.append(array.tobytes())
        else:
            tensor["data"] = array.ravel().tolist()
        made.append(tensor)
    told = {"model_name": name, "model_version": VERSION, "outputs": made}
    head = orjson.dumps({**told, "id": asked["id"]} if isinstance(asked.get("id"), str) else told)
    if not tails:
        return Response(head, media_type="application/json")
    headers = {_HEADER_LENGTH: str(len(head))}
    return Response(b"".join([head, *tails]), headers=headers, media_type="application/octet-stream")


def _wanted(outputs: Any, found: Mapping[str, Any], usually: bool) -> Iterator[tuple[str, bool]]:
    """Yield each output that is asked for, and whether it is wanted as bytes.

    Raises:
        RequestError: one is none of the model's, or comes twice.
    """
    if not outputs:
        yield from ((name, usually) for name in found)
        return
    seen: set[str] = set()
    for item in outputs if isinstance(outputs, list) else [None]:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in found or name in seen:
            raise RequestError(400, f"`outputs` must name each once of: {', '.join(found)}")
        seen.add(name)
        assert isinstance(item, dict)
        yield name, _parameters(item).get("binary_data", usually) is True


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters")
    return found if isinstance(found, dict) else {}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
