"""Which other files does an ONNX model have its readers open? Looked for in the bytes of the model alone."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from hpi_schemas import wire

_MAX_DEPTH = 64
# The key under which a tensor names its file, and the operator that stands for a part compiled for one machine.
_LOCATION, _COMPILED = b"location", b"EPContext"
# The fields of a tensor that hold numbers and nothing else: float_data, int32_data, int64_data, raw_data, double_data
# and uint64_data.
_NUMBERS = frozenset({4, 5, 7, 9, 10, 11})


class _Message(NamedTuple):
    """What a message of onnx/onnx.proto holds, by field number.

    Attributes:
        inside: messages that hold tensors, and their kinds.
        once: those of them that are not repeated.
        plain: everything else.
    """

    inside: dict[int, str]
    once: frozenset[int]
    plain: frozenset[int]


_MESSAGES = {
    "Model": _Message({7: "Graph", 20: "Training", 25: "Function"}, frozenset({7}), frozenset({2, 3, 4, 6, 8, 14, 26})),
    "Graph": _Message({1: "Node", 5: "Tensor", 15: "Sparse"}, frozenset(), frozenset({2, 10, 11, 12, 13, 14, 16})),
    "Node": _Message({5: "Attribute"}, frozenset(), frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10})),
    "Attribute": _Message(
        {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
        frozenset({5, 6, 22}),
        frozenset({1, 4, 7, 8, 9, 13, 14, 15, 21}),
    ),
    "Tensor": _Message({}, frozenset(), frozenset({1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16})),
    "Sparse": _Message({1: "Tensor", 2: "Tensor"}, frozenset({1, 2}), frozenset({3})),
    "Function": _Message({7: "Node", 11: "Attribute"}, frozenset(), frozenset({1, 4, 5, 6, 8, 9, 10, 12, 13, 14})),
    "Training": _Message({1: "Graph", 2: "Graph"}, frozenset({1, 2}), frozenset({3, 4})),
}


def external(model: memoryview) -> list[str]:
    """Return the locations of tensors in other files, relative to the model's, sorted.

    Args:
        model: the bytes of an ONNX file.

    Raises:
        wire.WireError: they are no message, or may name a file in a way that this does not know.
    """
    # Looking for the words is fifty times as fast as reading every node.
    is_named = any(word in part for part in _words(model) for word in (_LOCATION, _COMPILED))
    found = set(_named(model, "Model")) if is_named else set()
    return sorted({posixpath.normpath(item) for item in found})


def _words(model: memoryview) -> Iterator[bytes]:
    """Yield everything in an ONNX model but the numbers of its weights, which are most of the file."""
    for number, value in wire.fields(model):
        for inner, part in wire.fields(value) if number == 7 and isinstance(value, memoryview) else ((0, value),):
            if inner == 5 and isinstance(part, memoryview):
                fields = wire.fields(part)
                yield from (
                    bytes(item) for kind, item in fields if kind not in _NUMBERS and isinstance(item, memoryview)
                )
            elif isinstance(part, memoryview):
                yield bytes(part)


def _named(message: memoryview, kind: str, depth: int = 0) -> Iterator[str]:
    """Yield every other file that a message of an ONNX model names, wherever in it.

    Raises:
        wire.WireError: it may name one in a way that this does not know.
    """
    if depth > _MAX_DEPTH:
        raise wire.WireError("its graphs are nested too deep")
    known = _MESSAGES[kind]
    once: set[int] = set()
    for number, value in wire.fields(message):
        if not isinstance(value, memoryview):
            continue
        if number in known.inside:
            if number in known.once and number in once:
                # Readers merge them; what they make of it is not looked at here.
                raise wire.WireError(f"field {number} of a {kind} is given twice")
            once.add(number)
            yield from _named(value, known.inside[number], depth + 1)
        elif number not in known.plain and (_LOCATION in bytes(value) or _COMPILED in bytes(value)):
            raise wire.WireError(f"field {number} of a {kind} is not known here, and may name another file")
    if kind == "Tensor":
        yield from (wire.text(entry, 2) for entry in wire.messages(message, 13) if wire.text(entry, 1) == "location")
    elif kind == "Node" and wire.text(message, 4) == _COMPILED.decode():
        raise wire.WireError("it holds a part compiled for one machine, which may load other files")
