"""NumPy's arrays in a pickle: stand-ins for what it names and calls, without calling it."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple


class RefusedError(ValueError):
    """Something that is not on the lists."""


class Name(NamedTuple):
    """What a pickle names."""

    module: str
    name: str


class Type(NamedTuple):
    """A NumPy dtype: of what kind, and the bytes of a value."""

    kind: str
    size: int


class Array:
    """An array or a number of NumPy, which nobody needs; no key of a mapping, where equal ones would be one."""

    __hash__ = None  # type: ignore[assignment]


_CORES = ("numpy.core", "numpy._core")
NDARRAY, _DTYPE, _ENCODE = Name("numpy", "ndarray"), Name("numpy", "dtype"), Name("_codecs", "encode")
_NO_BYTES = frozenset(Name(module, "bytes") for module in ("__builtin__", "builtins"))
_EMPTY = frozenset(Name(f"{core}.multiarray", "_reconstruct") for core in _CORES)
_SCALAR = frozenset(Name(f"{core}.multiarray", "scalar") for core in _CORES)
_BUFFER = frozenset(Name(f"{core}.numeric", "_frombuffer") for core in _CORES)
# Numbers and texts; no objects, whose bytes are pointers, and nothing without a size.
_TYPES = re.compile(r"[<>|=]?(?:(?P<kind>[biufcSU])(?P<size>[1-9][0-9]{0,3})|(?P<truth>\?))")
_NUMBERS = frozenset("biufc")
_LARGEST_NUMBER = 16
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
        return Array()
    if function in _BUFFER and _is_buffer(arguments):
        return Array()
    name = ".".join(function) if isinstance(function, Name) else type(function).__name__
    raise RefusedError(f"it calls {name} in a way that could do anything")


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
    if found["truth"]:
        return Type("b", 1)
    kind, size = found["kind"], int(found["size"])
    if kind in _NUMBERS and size > _LARGEST_NUMBER:
        raise RefusedError(f"it has an array of the type {text!r}")
    return Type(kind, 4 * size if kind == "U" else size)


def check_type_state(made: Type, state: Any) -> None:
    """Look whether a type gets the state that NumPy writes of it.

    Raises:
        RefusedError: it becomes another type; its flags say which bytes are pointers.
    """
    parts = _STATES.get(made.kind, (_NO_SIZE, _NO_SIZE, _NO_FLAGS))
    sizes = [made.size if part is None else part for part in parts]
    wanted = [(_VERSION, order, None, None, None, *sizes) for order in "<>|="]
    if type(state) is not tuple or state not in wanted:
        raise RefusedError("it has a type that is changed into another")


def check_array_state(state: Any) -> None:
    """Look whether an array gets a shape, a type and just as many bytes.

    Raises:
        RefusedError: it does not.
    """
    is_state = type(state) is tuple and len(state) == 5 and isinstance(state[2], Type) and type(state[3]) is bool
    if not is_state or not _is_bytes(state[4], count(state[1]) * state[2].size):
        raise RefusedError("it has an array whose bytes are not those of its shape")


def count(shape: Any) -> int:
    """Return how many elements a shape has.

    Raises:
        RefusedError: it is none.
    """
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise RefusedError("it has an array without a shape")
    return math.prod(shape)


def _is_bytes(value: Any, size: int) -> bool:
    return type(value) in (bytes, bytearray) and len(value) == size


def is_listed(name: Name) -> bool:
    """Tell whether a pickle of arrays may name this."""
    return name in {NDARRAY, _DTYPE, _ENCODE, *_NO_BYTES, *_EMPTY, *_SCALAR, *_BUFFER}
