"""The Open Inference Protocol, version 2 (REST): the models of the plans, tensor by tensor.

https://github.com/kserve/open-inference-protocol, with the binary tensors of Triton's extension
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
from hpi_runtime.errors import EngineError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hpi_serve import bodies
from hpi_serve.catalog import Catalog
from hpi_serve.errors import RequestError

_VERSION = "1"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
Guard = Callable[[Any], Any]


class Protocol:
    """Answers its routes. A model is called by the address of its module, in plans after the first with ``NAME.``."""

    def __init__(self, catalog: Catalog, body_bytes: int, seconds: float) -> None:
        """Take what is served, how large a request may be, and how long it may take to come."""
        self._catalog = catalog
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
        for path in (model, f"{model}/versions/{_VERSION}"):
            found += [
                Route(path, guarded(self._model)),
                Route(f"{path}/ready", guarded(self._model_ready)),
                Route(f"{path}/infer", guarded(self._infer), methods=["POST"]),
            ]
        return found

    async def _server(self, _: Request) -> Response:
        from importlib.metadata import version

        return _json({"name": "hpi-serve", "version": version("hpi-plan"), "extensions": ["binary_tensor_data"]})

    def _place(self, name: str) -> tuple[str | None, str]:
        """Return the plan of a model, None for the first, and the address of its module.

        Raises:
            RequestError: there is none.
        """
        for number, serving in enumerate(self._catalog.all):
            address = name.removeprefix(f"{serving.name}.")
            if address in serving.pipeline.engines and (number == 0 or address != name):
                return (None if number == 0 else serving.name), address
        raise RequestError(404, f"there is no model `{name}`")

    async def _model_ready(self, request: Request) -> Response:
        self._place(request.path_params["name"])
        return _json({"name": request.path_params["name"], "ready": True})

    async def _model(self, request: Request) -> Response:
        plan, address = self._place(request.path_params["name"])
        with self._catalog.using(plan) as serving:
            assert serving is not None
            engine = serving.pipeline.engines[address]
            known = {item.name: item for item in engine.told}
            outputs = [_described(known[name]) if name in known else {"name": name} for name in engine.outputs]
            return _json(
                {
                    "name": request.path_params["name"],
                    "versions": [_VERSION],
                    "platform": f"hpi_{engine.name}",
                    "inputs": [_described(item) for item in engine.inputs],
                    "outputs": outputs,
                }
            )

    async def _infer(self, request: Request) -> Response:
        name = request.path_params["name"]
        plan, address = self._place(name)
        body = await bodies.read(request, self._body_bytes, asyncio.get_running_loop().time() + self._seconds)
        with self._catalog.using(plan) as serving:
            assert serving is not None
            asked, arrays = await asyncio.to_thread(_read, body, request.headers.get(_HEADER_LENGTH))
            try:
                found = await asyncio.wrap_future(serving.run_model(address, arrays))
            except EngineError as fault:
                raise RequestError(400, str(fault)) from None
        return await asyncio.to_thread(_answer, name, asked, found)


def _described(tensor: Any) -> dict[str, Any]:
    shape = [-1 if size is None else size for size in tensor.shape]
    return {"name": tensor.name, "datatype": _NAMES[tensor.dtype.name], "shape": shape}


def _read(body: bytes, header: str | None) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return a request, and its tensors by name.

    Raises:
        RequestError: it is none.
    """
    end = len(body) if header is None else int(header) if header.isdecimal() else -1
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
    name, shape, dtype = item["name"], item.get("shape"), _DTYPES.get(str(item.get("datatype")))
    if dtype is None:
        raise RequestError(400, f"the input {name} must have one of the datatypes {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(400, f"the input {name} must have a `shape` of whole numbers")
    parameters = item.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
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
    wanted = asked.get("outputs") or [{"name": item} for item in found]
    parameters = asked.get("parameters") or {}
    made, tail = [], b""
    for item in wanted:
        if not isinstance(item, dict) or item.get("name") not in found:
            raise RequestError(400, f"the model has no such output; it has: {', '.join(found)}")
        array = np.ascontiguousarray(found[item["name"]])
        own = item.get("parameters") or {}
        tensor: dict[str, Any] = {
            "name": item["name"],
            "datatype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
        }
        if own.get("binary_data", parameters.get("binary_data_output", False)):
            tensor["parameters"] = {"binary_data_size": array.nbytes}
            tail += array.tobytes()
        else:
            tensor["data"] = array.ravel().tolist()
        made.append(tensor)
    told = {"model_name": name, "model_version": _VERSION, "outputs": made}
    head = orjson.dumps({**told, "id": asked["id"]} if isinstance(asked.get("id"), str) else told)
    if not tail:
        return Response(head, media_type="application/json")
    return Response(head + tail, headers={_HEADER_LENGTH: str(len(head))}, media_type="application/octet-stream")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
