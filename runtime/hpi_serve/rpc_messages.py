"""Messages of the Open Inference Protocol by gRPC: what comes is looked at before it is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2 as messages

from hpi_serve.errors import RequestError
from hpi_serve.models import DTYPES, NAMES, VERSION, Tensor

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
# What a message may have besides tensors as bytes: parsed, two bytes can become a hundred.
HEADERS = 4 << 20
_MOST_FIELDS = 1000
_RAW = 7


def parsed(kind: Any, data: bytes) -> Any:
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
        if headers > HEADERS or count > _MOST_FIELDS:
            raise RequestError(413, f"tensors of more than {HEADERS >> 20} MiB come in `raw_input_contents`")


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


def described(tensors: Sequence[Tensor]) -> Iterator[Any]:
    """Yield tensors as the protocol tells of them."""
    for item in tensors:
        made = messages.ModelMetadataResponse.TensorMetadata
        yield made(name=item.name, datatype=item.datatype or "", shape=item.shape or [])


def read(request: Any) -> dict[str, Any]:
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


def answer(request: Any, found: Mapping[str, Any]) -> Any:
    """Return tensors as bytes: those that are asked for, or all of them."""
    names = [item.name for item in request.outputs] or list(found)
    if len(set(names)) < len(names) or not set(names) <= found.keys():
        raise RequestError(400, f"`outputs` must name each once of: {', '.join(found)}")
    made = messages.ModelInferResponse(model_name=request.model_name, model_version=VERSION, id=request.id)
    for name in names:
        array = np.ascontiguousarray(found[name])
        made.outputs.add(name=name, datatype=NAMES[array.dtype.name], shape=array.shape)
        made.raw_output_contents.append(array.tobytes())
    return made
