"""A machine for pickles that makes plain values of them, and executes nothing.

Two kinds are known: what a scene for ``3d_bev_detection`` says of its files, and the scaler of a model of series. Here
they are read operation by operation (``pickletools``), and nothing that they name is ever called or even looked up.
What is not on the lists is refused: values of plain types, arrays of numbers and texts, and scalers of scikit-learn.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

from hpi_runtime.pickles.arrays import (
    NDARRAY,
    Array,
    Name,
    RefusedError,
    Type,
    called,
    count,
    is_listed,
    set_array_state,
    set_type_state,
)

_SCALERS = frozenset(
    Name("sklearn.preprocessing._data", f"{kind}Scaler") for kind in ("MaxAbs", "MinMax", "Robust", "Standard")
)
_WRAPPER = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
# What may be hashed without a look: nested tuples may take for ever.
_KEYS = frozenset((str, bytes, int, float, bool, type(None)))
_MARK = object()


class Scaler:
    """A scaler of scikit-learn.

    Attributes:
        kind: the name of its class.
        state: its attributes; arrays are stand-ins.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.state: dict[str, Any] = {}


class _Wrapper:
    """Describes an array that joblib keeps behind this description."""


def read(data: bytes, has_scaler: bool = False) -> Any:
    """Return what a pickle holds, with stand-ins for arrays and scalers; nothing of it is executed.

    Args:
        data: the pickle.
        has_scaler: scalers may be in it, and arrays that joblib keeps beside it.

    Raises:
        ValueError: it holds something else, or is none.
    """
    try:
        return _Reader(io.BytesIO(data), has_scaler).read()
    except RefusedError:
        raise
    except Exception as fault:
        raise ValueError(f"it is no plain pickle: {type(fault).__name__}: {fault}") from fault


class _Reader:
    """A machine for pickles that makes values, and stand-ins for everything else."""

    def __init__(self, stream: io.BytesIO, has_scaler: bool) -> None:
        self._stream = stream
        self._has_scaler = has_scaler
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self) -> Any:
        """Run the pickle to its end."""
        for operation, argument, _ in pickletools.genops(self._stream):
            if operation.name == "STOP":
                return self._stack.pop()
            step = _STEPS.get(operation.name)
            if step is None:
                raise RefusedError(f"it has the operation {operation.name}, and loading that could run anything")
            step(self, argument)
        raise ValueError("it has no end")

    # -- values ------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def since_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def top(self, count: int) -> list[Any]:
        found = self._stack[-count:]
        if len(found) < count or any(item is _MARK for item in found):
            raise ValueError("it takes more than there is")
        del self._stack[-count:]
        return found

    def append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise RefusedError("it appends to something that is no list")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict:
            raise RefusedError("it sets items of something that is no mapping")
        if any(type(key) not in _KEYS for key in values[::2]):
            raise RefusedError("it has a key that is no text and no number")
        target.update(zip(values[::2], values[1::2], strict=True))

    def push_dict(self, _: Any) -> None:
        values = self.since_mark()
        self.push({})
        self.set_items(values)

    def drop(self, _: Any) -> None:
        self.top(1)

    def memoize(self, place: Any) -> None:
        self._memo[len(self._memo) if place is None else int(place)] = self._stack[-1]

    def recall(self, place: Any) -> None:
        self.push(self._memo[int(place)])

    # -- what it names -----------------------------------------------------------------------

    def name(self, text: str) -> None:
        self.push(self._listed(*text.split(" ", 1)))

    def name_of_stack(self, _: Any) -> None:
        module, name = self.top(2)
        if type(module) is not str or type(name) is not str:
            raise RefusedError("it names something by no text")
        self.push(self._listed(module, name))

    def _listed(self, module: str, name: str) -> Name:
        found = Name(module, name)
        if not is_listed(found) and not (self._has_scaler and found in {_WRAPPER, *_SCALERS}):
            raise RefusedError(f"it names {module}.{name}, and loading that could run anything")
        return found

    def call(self, _: Any) -> None:
        function, arguments = self.top(2)
        self.push(called(function, arguments))

    def make(self, _: Any) -> None:
        kind, arguments = self.top(2)
        if type(kind) is not Name or kind not in {_WRAPPER, *_SCALERS} or arguments != ():
            raise RefusedError("it makes something that is no scaler")
        self.push(_Wrapper() if kind == _WRAPPER else Scaler(kind.name))

    def build(self, _: Any) -> None:
        state = self.top(1)[0]
        made = self._stack[-1]
        if isinstance(made, Type):
            set_type_state(made, state)
        elif isinstance(made, Array):
            set_array_state(made, state)
        elif isinstance(made, Scaler) and _is_state(state):
            made.state = state
        elif isinstance(made, _Wrapper) and _is_state(state):
            self._stack[-1] = self._array_behind(state)
        else:
            raise RefusedError("it changes something that is no array, type or scaler")

    def _array_behind(self, state: dict[str, Any]) -> Array:
        """Return an array that joblib wrote behind its description."""
        if state.get("subclass") != NDARRAY or not isinstance(state.get("dtype"), Type):
            raise RefusedError("it has an array of something that is no number and no text")
        size = count(state["shape"]) * state["dtype"].size
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(self._stream.read(1)[0])
        data = self._stream.read(size)
        if len(data) != size:
            raise ValueError("an array ends early")
        found = Array()
        found.fill(state["dtype"], state["shape"], "F" if state.get("order") == "F" else "C", data)
        return found


def _is_state(state: Any) -> bool:
    return type(state) is dict and all(type(key) is str for key in state)


def _pushes(reader: _Reader, value: Any) -> None:
    reader.push(value)


def _constant(value: Any) -> Callable[[_Reader, Any], None]:
    return lambda reader, _: reader.push(value)


def _nothing(reader: _Reader, _: Any) -> None:
    """Do what frames and versions of the protocol ask for."""


_STEPS: dict[str, Callable[[_Reader, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"), _pushes),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _pushes),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _pushes),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Reader.recall),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Reader.memoize),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "MARK": _constant(_MARK),
    "EMPTY_LIST": lambda reader, _: reader.push([]),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "EMPTY_TUPLE": _constant(()),
    "LIST": lambda reader, _: reader.push(reader.since_mark()),
    "TUPLE": lambda reader, _: reader.push(tuple(reader.since_mark())),
    "TUPLE1": lambda reader, _: reader.push(tuple(reader.top(1))),
    "TUPLE2": lambda reader, _: reader.push(tuple(reader.top(2))),
    "TUPLE3": lambda reader, _: reader.push(tuple(reader.top(3))),
    "DICT": _Reader.push_dict,
    "APPEND": lambda reader, _: reader.append(reader.top(1)),
    "APPENDS": lambda reader, _: reader.append(reader.since_mark()),
    "SETITEM": lambda reader, _: reader.set_items(reader.top(2)),
    "SETITEMS": lambda reader, _: reader.set_items(reader.since_mark()),
    "POP": _Reader.drop,
    "GLOBAL": _Reader.name,
    "STACK_GLOBAL": _Reader.name_of_stack,
    "REDUCE": _Reader.call,
    "NEWOBJ": _Reader.make,
    "BUILD": _Reader.build,
}
