"""Pickles that PaddleX loads: looked at first, for a pickle can hold any program, and loading it runs that.

Two kinds are known: what a scene for ``3d_bev_detection`` says of its files, and the scaler of a model of series. They
are loaded here with a closed list of what they may name (``pickle``'s "Restricting Globals"): numbers, texts, arrays
of NumPy and scalers of scikit-learn. What passes is harmless to load again.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO

from hpi_runtime.errors import PlanError
from hpi_schemas.files import ReadError, read_bounded

SCALER = "scaler.pkl"
_ARRAYS = frozenset(
    {
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        # What makes arrays and numbers again, in NumPy 1 and in NumPy 2.
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    }
)
_SCALERS = frozenset(
    {
        *(("sklearn.preprocessing._data", name) for name in ("MaxAbsScaler", "MinMaxScaler", "StandardScaler")),
        ("sklearn.preprocessing._data", "RobustScaler"),
    }
)
_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")


class _Plain(pickle.Unpickler):
    """Makes values of plain types and arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Return something that a pickle names.

        Raises:
            UnpicklingError: it is not on the list.
        """
        return super().find_class(module, name) if (module, name) in _ARRAYS else _refuse(module, name)


def check(data: bytes) -> None:
    """Look whether a pickle holds nothing but values and arrays.

    Raises:
        ValueError: it holds something else, or is none.
    """
    _load(lambda handle: _Plain(handle).load(), io.BytesIO(data))


def check_scaler(folder: Path) -> None:
    """Look whether the scaler of a model, if it has one, is a scaler and nothing else.

    Raises:
        PlanError: it is not, or cannot be read.
    """
    path = folder / SCALER
    if not path.exists():
        return
    try:
        _load(_load_scaler, io.BytesIO(read_bounded(path)))
    except (ReadError, ValueError) as fault:
        raise PlanError(f"{path} is not loaded: {fault}") from fault


def _load_scaler(handle: BinaryIO) -> Any:
    from joblib import numpy_pickle

    class Wrapper(numpy_pickle.NumpyArrayWrapper):  # type: ignore[misc]
        """An array that joblib wrote beside the pickle: of numbers, for objects are pickles again."""

        def read(self, *arguments: Any) -> Any:
            if self.dtype.hasobject:
                _refuse(*_WRAPPER)
            return super().read(*arguments)

    class Scaler(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        """Makes scalers of arrays."""

        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == _WRAPPER:
                return Wrapper
            return super().find_class(module, name) if (module, name) in _ARRAYS | _SCALERS else _refuse(module, name)

    return Scaler("", handle, ensure_native_byte_order=False).load()


def _load(load: Any, handle: BinaryIO) -> None:
    try:
        load(handle)
    except Exception as fault:
        raise ValueError(f"it is no plain pickle: {type(fault).__name__}: {fault}") from fault


def _refuse(module: str, name: str) -> Any:
    raise pickle.UnpicklingError(f"it names {module}.{name}, and loading that could run anything")
