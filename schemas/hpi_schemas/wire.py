"""Reading protocol-buffer files field by field, without any message classes.

ONNX and ``.pdmodel`` files are protocol buffers of up to gigabytes. The planner
wants a few names and shapes of them, without an inference library and without
reading the weights; the wire format (protobuf.dev/programming-guides/encoding)
lets us step over everything else.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are not a protocol-buffer message."""


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field of one message.

    A value is an integer for varint and fixed-width fields, and a view of the bytes,
    not a copy, for strings, sub-messages and packed arrays.

    Raises:
        WireError: the message is cut off or malformed.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the number 0")
        value: int | memoryview
        if kind == _VARINT:
            value, position = _varint(data, position)
        else:
            if kind == _BYTES:
                size, position = _varint(data, position)
            elif kind in (_FIXED32, _FIXED64):
                size = 4 if kind == _FIXED32 else 8
            else:
                raise WireError(f"field {number} has the unknown wire type {kind}")
            if position + size > end:
                raise WireError("the file ends in the middle of a field")
            value = data[position : position + size]
            position += size
            if kind != _BYTES:
                value = int.from_bytes(value, "little")
        yield number, value


def messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """Yield every sub-message (or string) that has the field number ``number``."""
    for found, value in fields(data):
        if found == number and isinstance(value, memoryview):
            yield value


def message(data: memoryview, number: int) -> memoryview | None:
    """Return the sub-message with a field number, None without one.

    One that is given several times is merged, as the specification has it: its parts one behind the other.
    """
    found = list(messages(data, number))
    if not found:
        return None
    return found[0] if len(found) == 1 else memoryview(b"".join(found))


def text(data: memoryview, number: int) -> str:
    """Return the last string with that field number, or an empty one."""
    result = ""
    for value in messages(data, number):
        result = bytes(value).decode("utf-8", "replace")
    return result


def integer(data: memoryview, number: int, default: int = 0) -> int:
    """Return the last integer with that field number, or ``default``."""
    result = default
    for found, value in fields(data):
        if found == number and isinstance(value, int):
            result = value
    return result


def integers(data: memoryview, number: int) -> list[int]:
    """Return a repeated int64 field, packed or not, with its sign."""
    result: list[int] = []
    for found, value in fields(data):
        if found != number:
            continue
        if isinstance(value, int):
            result.append(_signed(value))
            continue
        position = 0
        while position < len(value):
            item, position = _varint(value, position)
            result.append(_signed(item))
    return result


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("the file ends in the middle of a number")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
