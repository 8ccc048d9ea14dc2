"""Pickles that PaddleX loads, read first without executing them: loading a pickle runs whatever it says.

Two kinds are known: what a scene for ``3d_bev_detection`` says of its files, and the scaler of a model of series. Here
they are read operation by operation (``pickletools``), and nothing that they name is ever called or even looked up.
What is not on the lists is refused: values of plain types, arrays of numbers and texts, and scalers of scikit-learn.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpi_runtime.errors import PlanError
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.model_store import SCALER_FILE

from hpi_paddlex.pickled_arrays import (
    NDARRAY,
    Array,
    Name,
    RefusedError,
    Type,
    called,
    check_array_state,
    check_type_state,
    count,
    is_listed,
)

_SCALERS = frozenset(
    Name("sklearn.preprocessing._data", f"{kind}Scaler") for kind in ("MaxAbs", "MinMax", "Robust", "Standard")
)
_WRAPPER = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
_MARK = object()


class _Scaler:
    """A scaler of scikit-learn, or an array that joblib keeps beside the pickle."""

    def __init__(self, is_wrapper: bool) -> None:
        self.is_wrapper = is_wrapper


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


def check_scaler(folder: Path) -> None:
    """Look whether the scaler of a model, if it has one, is a scaler and nothing else.

    Raises:
        PlanError: it is not, or cannot be read.
    """
    path = folder / SCALER_FILE
    if not path.exists():
        return
    try:
        read(read_bounded(path), has_scaler=True)
    except (ReadError, ValueError) as fault:
        raise PlanError(f"{path} is not loaded: {fault}") from fault


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
        if kind not in {_WRAPPER, *_SCALERS} or arguments != ():
            raise RefusedError("it makes something that is no scaler")
        self.push(_Scaler(kind == _WRAPPER))

    def build(self, _: Any) -> None:
        state = self.top(1)[0]
        made = self._stack[-1]
        if isinstance(made, Type):
            check_type_state(made, state)
        elif isinstance(made, Array):
            check_array_state(state)
        elif isinstance(made, _Scaler) and type(state) is dict and all(type(key) is str for key in state):
            if made.is_wrapper:
                self._skip_array(state)
                self._stack[-1] = Array()
        else:
            raise RefusedError("it changes something that is no array, type or scaler")

    def _skip_array(self, state: dict[str, Any]) -> None:
        """Read over an array that joblib wrote behind its description."""
        if state.get("subclass") != NDARRAY or not isinstance(state.get("dtype"), Type):
            raise RefusedError("it has an array of something that is no number and no text")
        size = count(state["shape"]) * state["dtype"].size
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(self._stream.read(1)[0])
        if len(self._stream.read(size)) != size:
            raise ValueError("an array ends early")


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
