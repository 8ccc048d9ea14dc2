"""TensorRT on an NVIDIA GPU: runs an engine file that a prepare step built."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.engines.native.cuda import Cuda
from hpi_runtime.errors import EngineError

# Every size that cudaMalloc gives is aligned to this.
_ALIGNMENT = 256


class TensorRtEngine(Engine):
    """One engine, and for each calling thread an execution context with a stream and memory of its own."""

    name = "tensorrt"
    distributions = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12")
    extra = "tensorrt"

    def _load(self) -> None:
        # First the driver: without one, TensorRT may crash instead of saying so.
        self._cuda = Cuda(self._device_number)
        self._cuda.select()
        import tensorrt

        self._sessions: list[_Session] = []
        self._own = threading.local()
        self._lock = threading.Lock()
        self._logger = _logger(tensorrt)
        # Kept as long as the engine, which dies with it.
        self._runtime: Any = tensorrt.Runtime(self._logger)
        self._engine: Any = self._runtime.deserialize_cuda_engine((self.folder / self.files[0]).read_bytes())
        if self._engine is None:
            raise EngineError(f"TensorRT {tensorrt.__version__} refuses the engine file: {self._logger.last}")
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        is_input = tensorrt.TensorIOMode.INPUT
        self._dtypes = {name: np.dtype(tensorrt.nptype(self._engine.get_tensor_dtype(name))) for name in names}
        self.inputs = tuple(self._tensor(name) for name in names if self._engine.get_tensor_mode(name) == is_input)
        self.told = tuple(self._tensor(name) for name in names if self._engine.get_tensor_mode(name) != is_input)
        self.outputs = tuple(tensor.name for tensor in self.told)

    def _tensor(self, name: str) -> Tensor:
        shape = self._engine.get_tensor_shape(name)
        return Tensor(name, self._dtypes[name], tuple(None if size < 0 else size for size in shape))

    def _run(self, arrays: Arrays) -> Arrays:
        self._cuda.select()
        session = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = self._session()
        return session.run(arrays)

    def _session(self) -> _Session:
        with self._lock:
            context = self._engine.create_execution_context()
            if context is None:
                raise EngineError(f"TensorRT has no memory for another execution context: {self._logger.last}")
            session = _Session(self._cuda, self._engine, context, self.outputs, self._dtypes)
            self._sessions.append(session)
            return session

    def _close(self) -> None:
        for session in getattr(self, "_sessions", ()):
            session.close()
        # Contexts, then the engine, then the runtime: none may outlive the next.
        self._sessions, self._own, self._engine, self._runtime = [], threading.local(), None, None

    def actual(self) -> dict[str, Any]:
        """Return the device whose driver answered, and the version that runs."""
        import tensorrt

        return {"device": str(self.device), "providers": [f"TensorRT {tensorrt.__version__}"]}


class _Session:
    """What one thread needs to run an engine."""

    def __init__(self, cuda: Cuda, engine: Any, context: Any, outputs: tuple[str, ...], dtypes: dict[str, Any]) -> None:
        self._cuda = cuda
        self._engine = engine
        self._context = context
        self._dtypes = dtypes
        self._stream = cuda.stream()
        self._memory: dict[str, _Memory] = {}
        self._allocators = {name: _allocator(_Memory(cuda)) for name in outputs}
        for name, allocator in self._allocators.items():
            if not context.set_output_allocator(name, allocator):
                raise EngineError(f"TensorRT takes no output allocator for {name}")

    def run(self, arrays: Arrays) -> Arrays:
        for name, array in arrays.items():
            self._feed(name, array)
        if not self._context.execute_async_v3(self._stream):
            raise EngineError("TensorRT could not run the engine")
        # The shapes of outputs that depend on the data are known when it has run.
        self._cuda.wait(self._stream)
        found = {name: self._fetch(name) for name in self._allocators}
        self._cuda.wait(self._stream)
        return found

    def _feed(self, name: str, array: np.ndarray[Any, Any]) -> None:
        if not self._context.set_input_shape(name, array.shape):
            least, _, greatest = self._engine.get_tensor_profile_shape(name, 0)
            allowed = f"{tuple(least)} to {tuple(greatest)}"
            raise EngineError(f"the input {name} has the shape {array.shape}; the plan allows {allowed}")
        memory = self._memory.setdefault(name, _Memory(self._cuda))
        address = memory.of(array.nbytes)
        self._cuda.upload(address, array, self._stream)
        if not self._context.set_tensor_address(name, address):
            raise EngineError(f"TensorRT does not take the memory of the input {name}")

    def _fetch(self, name: str) -> np.ndarray[Any, Any]:
        allocator = self._allocators[name]
        array = np.empty(allocator.shape, self._dtypes[name])
        if array.size:
            self._cuda.download(array, allocator.memory.address, self._stream)
        return array

    def close(self) -> None:
        self._context = None
        for memory in (*self._memory.values(), *(item.memory for item in self._allocators.values())):
            memory.free()
        self._cuda.destroy(self._stream)


class _Memory:
    """Memory on the GPU that grows and never shrinks."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._size = 0
        self.address = 0

    def of(self, size: int) -> int:
        """Return an address with room for so many bytes; what was there is lost when it moves."""
        if size > self._size:
            self.free()
            room = -(-size // _ALIGNMENT) * _ALIGNMENT
            self.address = self._cuda.allocate(room)
            self._size = room
        return self.address

    def free(self) -> None:
        if self._size:
            self._cuda.free(self.address)
        self._size = self.address = 0


def _allocator(memory: _Memory) -> Any:
    """Return an output allocator: TensorRT asks it for memory, and tells it the shape that came out."""
    import tensorrt

    class Allocator(tensorrt.IOutputAllocator):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.IOutputAllocator.__init__(self)
            self.memory = memory
            self.shape: tuple[int, ...] = ()

        def reallocate_output(self, name: str, address: int, size: int, alignment: int) -> int:
            return self.memory.of(max(size, 1))

        def reallocate_output_async(self, name: str, address: int, size: int, alignment: int, stream: int) -> int:
            return self.memory.of(max(size, 1))

        def notify_shape(self, name: str, shape: Any) -> None:
            self.shape = tuple(shape)

    return Allocator()


def _logger(tensorrt: Any) -> Any:
    """Return a logger that keeps the last error, which TensorRT tells nowhere else."""

    class Logger(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.last = "it does not say why"

        def log(self, severity: Any, message: str) -> None:
            if severity in (tensorrt.ILogger.INTERNAL_ERROR, tensorrt.ILogger.ERROR):
                self.last = message

    return Logger()


ENGINE = TensorRtEngine
