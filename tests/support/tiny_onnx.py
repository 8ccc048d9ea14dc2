"""The smallest ONNX file that has given inputs: enough for a planner, made without any library."""

from __future__ import annotations

_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10}


def model(*inputs: str) -> bytes:
    """Return a model whose inputs are given as text: ``x float32 N 3 H W``."""
    graph = _field(1, _field(4, b"Identity")) + b"".join(_field(11, _input(*item.split())) for item in inputs)
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 14))


def _input(name: str, dtype: str, *dims: str) -> bytes:
    shape = b"".join(_field(1, _number(1, int(dim)) if dim.isdigit() else _field(2, dim.encode())) for dim in dims)
    tensor = _number(1, _TYPES[dtype]) + _field(2, shape)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])
