"""What all engines share: checks, ownership and lifetime."""

from __future__ import annotations

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, TypeVar
from weakref import WeakSet

import numpy as np
from hpi_schemas.backends import STREAMS, tuning, value_of
from hpi_schemas.device import Device

from hpi_runtime.errors import EngineError

Arrays = dict[str, np.ndarray[Any, Any]]
_Result = TypeVar("_Result")
# Backends explain themselves at length; the beginning says what is wrong.
_MAX_REASON = 400


class Tensor(NamedTuple):
    """An input or output of a model; a free dimension is None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Engine(ABC):
    """A loaded model.

    Public methods check; subclasses implement ``_load``, ``_run``, ``_close`` and ``actual``.

    Attributes:
        name: the backend's.
        distributions: the packages that bring the backend.
        extra: the extra of hpi-plan that installs it.
        thread_bound: the backend's session must be used from one thread; it then gets an
            owner thread of its own.
        inputs: of the model, filled in by ``_load``.
        outputs: their names, filled in by ``_load``.
        told: the same with dtypes and shapes, where the backend or the model's file tells them before a run.
        deviations: what runs with other threads or streams than planned, for people: backends take no more than
            there are cores.
    """

    name: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]]
    extra: ClassVar[str]
    thread_bound: ClassVar[bool] = False

    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[str, ...] = ()
    told: tuple[Tensor, ...] = ()

    def __init__(
        self,
        folder: Path,
        files: tuple[str, ...],
        config: Mapping[str, Any],
        device: Device,
        digests: Mapping[str, str] | None = None,
    ) -> None:
        """Load a model.

        Args:
            folder: holds the model's files.
            files: the program file first, then its weights.
            config: the plan's ``engine.config``: every option, explicit.
            device: that it runs on.
            digests: of the files, where somebody has checked them.

        Raises:
            EngineError: it cannot be loaded, or would not run as the plan says.
        """
        _LIVING.add(self)
        self.folder = folder
        self.files = files
        self.config = config
        self.device = device
        self.digests = {} if digests is None else digests
        self.deviations: list[str] = []
        self._closed = False
        self._owner = ThreadPoolExecutor(1, type(self).__name__) if self.thread_bound else None
        try:
            self._call(self._load)
            self._verify()
        except EngineError:
            self.close()
            raise
        except KeyError as fault:
            self.close()
            raise EngineError(f"{self.name}: the plan's engine.config lacks {fault}") from None
        except Exception as fault:
            self.close()
            reason = " ".join(str(fault).split())[:_MAX_REASON] or type(fault).__name__
            raise EngineError(f"{self.name} cannot load {folder / files[0]}: {reason}") from fault

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
        """Run the model once; safe to call from several threads.

        Args:
            arrays: an array for each input, of its dtype and rank, with its fixed dimensions.

        Returns:
            An array for each output, which stays valid after the next call.

        Raises:
            EngineError: an array is missing, unknown, empty or of another dtype or shape, or the engine is closed.
        """
        if self._closed:
            raise EngineError(f"the {self.name} engine of {self.folder} is closed")
        checked = self._checked(arrays)
        return self._call(lambda: self._run(checked))

    def close(self) -> None:
        """Free the model; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._call(self._close)
        if self._owner is not None:
            self._owner.shutdown()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def actual(self) -> dict[str, Any]:
        """Return what really runs, as the backend tells it.

        ``device`` always, and options of the plan by their names, which must then equal the plan's.
        """

    @abstractmethod
    def _load(self) -> None:
        """Load the model, and fill in ``inputs`` and ``outputs``."""

    @abstractmethod
    def _run(self, arrays: Arrays) -> Arrays:
        """Run on checked, C-contiguous arrays; return arrays that nothing else refers to."""

    @abstractmethod
    def _close(self) -> None:
        """Drop every reference to the backend."""

    def _call(self, work: Callable[[], _Result]) -> _Result:
        return work() if self._owner is None else self._owner.submit(work).result()

    def _checked(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
        wanted = {tensor.name for tensor in self.inputs}
        if wanted != set(arrays):
            raise EngineError(f"the model takes {sorted(wanted)}, not {sorted(arrays)}")
        return {tensor.name: self._one(tensor, arrays[tensor.name]) for tensor in self.inputs}

    def _one(self, tensor: Tensor, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if array.dtype != tensor.dtype:
            raise EngineError(f"the input {tensor.name} is {tensor.dtype}, not {array.dtype}")
        fits = len(array.shape) == len(tensor.shape) and all(
            want is None or want == have for want, have in zip(tensor.shape, array.shape, strict=True)
        )
        if not fits:
            shape = ", ".join("?" if size is None else str(size) for size in tensor.shape)
            raise EngineError(f"the input {tensor.name} has the shape ({shape}), not {array.shape}")
        if any(want is None and not have for want, have in zip(tensor.shape, array.shape, strict=True)):
            raise EngineError(f"the input {tensor.name} is empty: its shape is {array.shape}")
        # Not ascontiguousarray, which makes a vector of a scalar.
        return np.asarray(array, order="C")

    def _verify(self) -> None:
        """Compare what really runs with the plan; only what changes neither numbers nor the device may differ."""
        planned = {**self.config, "device": str(self.device)}
        for option, real in self.actual().items():
            if option not in planned or real == planned[option]:
                continue
            if option not in tuning():
                raise self._refuse(option, planned[option], real, self._cause(option))
            self.deviations.append(str(self._refuse(option, planned[option], real)))

    def _cause(self, option: str) -> str:
        """Return why the backend does not run an option as planned, and what to write instead, if it can be known."""
        return ""

    def _choice(self, option: str, known: Mapping[str, str]) -> str:
        """Return what the backend calls the plan's choice."""
        chosen = str(self.config[option])
        if chosen not in known:
            raise EngineError(f"{self.name} does not know the {option} {chosen}; known: {', '.join(known)}")
        return known[chosen]

    def _refuse(self, option: str, planned: object, real: object, cause: str = "") -> EngineError:
        because = f": {cause}" if cause else ""
        return EngineError(f"{self.name}: the plan says {option} {planned}, the backend runs {real}{because}")

    @property
    def streams(self) -> int:
        """How many runs the backend does side by side."""
        return 1 if self.thread_bound else int(value_of(self.name, self.config, STREAMS) or 1)

    @property
    def _device_number(self) -> int:
        """The number in ``gpu:1``; 0 without one."""
        return self.device.number


_LIVING: WeakSet[Engine] = WeakSet()


def _abandon() -> None:
    """Keep the engines of a forked process for ever: freeing one waits for its threads, which only the parent has."""
    for engine in _LIVING:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


os.register_at_fork(after_in_child=_abandon)
