"""NumPy's arrays in a pickle: stand-ins for what it names and calls, without calling it."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np


class RefusedError(ValueError):
    """Something that is not on the lists."""


class Name(NamedTuple):
    """What a pickle names."""

    module: str
    name: str


class Type:
    """A NumPy dtype.

    Attributes:
        kind: its letter.
        size: the bytes of a value.
        order: of these bytes, as NumPy writes it.
    """

    def __init__(self, kind: str, size: int, order: str) -> None:
        self.kind = kind
        self.size = size
        self.order = order


class Array:
    """An array or a number of NumPy; no key of a mapping, where equal ones would be one."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._content: tuple[Type, tuple[int, ...], str, bytes] | None = None

    def fill(self, of: Type, shape: tuple[int, ...], layout: str, data: bytes) -> None:
        """Take what it holds: the bytes of a shape's values, ``C`` or ``F`` ordered."""
        self._content = of, shape, layout, data

    def numbers(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return its values as doubles.

        Raises:
            ValueError: it holds no real numbers.
        """
        if self._content is None or self._content[0].kind not in _REAL:
            raise ValueError("it has an array of something that is no number")
        of, shape, layout, data = self._content
        order = of.order if of.order in "<>" else "="
        found = np.frombuffer(data, np.dtype(f"{order}{of.kind}{of.size}"))
        return found.reshape(shape, order="F" if layout == "F" else "C").astype(np.float64)


_CORES = ("numpy.core", "numpy._core")
NDARRAY, _DTYPE, _ENCODE = Name("numpy", "ndarray"), Name("numpy", "dtype"), Name("_codecs", "encode")
_NO_BYTES = frozenset(Name(module, "bytes") for module in ("__builtin__", "builtins"))
_EMPTY = frozenset(Name(f"{core}.multiarray", "_reconstruct") for core in _CORES)
_SCALAR = frozenset(Name(f"{core}.multiarray", "scalar") for core in _CORES)
_BUFFER = frozenset(Name(f"{core}.numeric", "_frombuffer") for core in _CORES)
# Numbers and texts; no objects, whose bytes are pointers, and nothing without a size.
_TYPES = re.compile(r"(?P<order>[<>|=]?)(?:(?P<kind>[biufcSU])(?P<size>[1-9][0-9]{0,3})|(?P<truth>\?))")
_NUMBERS = frozenset("biufc")
_REAL = frozenset("iuf")
# The sizes of numbers, in bytes.
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 16), "c": (8, 16)}
_MOST_SIDES, _LONGEST_SIDE = 32, 1 << 40
# The states of such types, as NumPy writes them: no fields, no subarray; then the size of a text (None), its alignment,
# and flags, of which texts of Unicode have that they begin empty.
_VERSION, _NO_SIZE, _NO_FLAGS = 3, -1, 0
_STATES = {"S": (None, 1, _NO_FLAGS), "U": (None, 4, 8)}


def called(function: Any, arguments: Any) -> Any:
    """Return a stand-in for what a call would make.

    Raises:
        RefusedError: it is not on the list, or has other arguments than NumPy gives it.
    """
    if type(arguments) is not tuple:
        raise RefusedError("it calls something with no arguments")
    if type(function) is not Name:
        # Nothing else is asked for its hash, which of nested tuples may take for ever or overflow.
        raise RefusedError("it calls something that has no name")
    if function == _ENCODE and len(arguments) == 2 and arguments[1] == "latin1" and type(arguments[0]) is str:
        # How old protocols write bytes.
        return arguments[0].encode("latin1")
    if function == _DTYPE and arguments and type(arguments[0]) is str and arguments[1:] in ((), (False, True)):
        return _type(arguments[0])
    if function in _EMPTY and arguments == (NDARRAY, (0,), b"b"):
        return Array()
    if function in _NO_BYTES and arguments == ():
        return b""
    if function in _SCALAR and _is_number(arguments):
        return _filled(arguments[0], (), "C", arguments[1])
    if function in _BUFFER and _is_buffer(arguments):
        data, of, shape, layout = arguments
        return _filled(of, shape, layout, data)
    raise RefusedError(f"it calls {'.'.join(function)} in a way that could do anything")


def _filled(of: Type, shape: tuple[int, ...], layout: str, data: bytes) -> Array:
    made = Array()
    made.fill(of, shape, layout, data)
    return made


def _is_number(arguments: tuple[Any, ...]) -> bool:
    """Tell whether these are a type of numbers, and the bytes of one."""
    if len(arguments) != 2 or not isinstance(arguments[0], Type):
        return False
    return arguments[0].kind in _NUMBERS and _is_bytes(arguments[1], arguments[0].size)


def _is_buffer(arguments: tuple[Any, ...]) -> bool:
    """Tell whether these are the bytes of an array, its type, its shape and its order."""
    if len(arguments) != 4 or not isinstance(arguments[1], Type) or arguments[3] not in ("C", "F"):
        return False
    return _is_bytes(arguments[0], count(arguments[2]) * arguments[1].size)


def _type(text: str) -> Type:
    found = _TYPES.fullmatch(text)
    if found is None:
        raise RefusedError(f"it has an array of the type {text!r}")
    order = found["order"] or "="
    if found["truth"]:
        return Type("b", 1, order)
    kind, size = found["kind"], int(found["size"])
    if size not in _SIZES.get(kind, (size,)):
        raise RefusedError(f"it has an array of the type {text!r}")
    return Type(kind, 4 * size if kind == "U" else size, order)


def set_type_state(made: Type, state: Any) -> None:
    """Give a type the state that NumPy writes of it: the order of its bytes.

    Raises:
        RefusedError: it becomes another type; its flags say which bytes are pointers.
    """
    parts = _STATES.get(made.kind, (_NO_SIZE, _NO_SIZE, _NO_FLAGS))
    sizes = [made.size if part is None else part for part in parts]
    wanted = [(_VERSION, order, None, None, None, *sizes) for order in "<>|="]
    if type(state) is not tuple or state not in wanted:
        raise RefusedError("it has a type that is changed into another")
    made.order = state[1]


def set_array_state(made: Array, state: Any) -> None:
    """Give an array a shape, a type and just as many bytes.

    Raises:
        RefusedError: it does not.
    """
    is_state = type(state) is tuple and len(state) == 5 and isinstance(state[2], Type) and type(state[3]) is bool
    if not is_state or not _is_bytes(state[4], count(state[1]) * state[2].size):
        raise RefusedError("it has an array whose bytes are not those of its shape")
    made.fill(state[2], state[1], "F" if state[3] else "C", bytes(state[4]))


def count(shape: Any) -> int:
    """Return how many elements a shape has.

    Raises:
        RefusedError: it is none.
    """
    is_shape = type(shape) is tuple and len(shape) <= _MOST_SIDES
    if not is_shape or not all(type(side) is int and 0 <= side <= _LONGEST_SIDE for side in shape):
        raise RefusedError("it has an array without a shape")
    return math.prod(shape)


def _is_bytes(value: Any, size: int) -> bool:
    return type(value) in (bytes, bytearray) and len(value) == size


def is_listed(name: Name) -> bool:
    """Tell whether a pickle of arrays may name this."""
    return name in {NDARRAY, _DTYPE, _ENCODE, *_NO_BYTES, *_EMPTY, *_SCALAR, *_BUFFER}
