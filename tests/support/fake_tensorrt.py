"""TensorRT's Python API as far as we use it, with ONNX Runtime behind it and the rules that the documentation states.

Not proof that anything runs on a GPU: it shows that we keep the rules. That the names exist in the real packages is
tested by themselves (test_vendor_names.py).
"""

from __future__ import annotations

import base64
import ctypes
import json
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from support.fake_cuda import FakeCuda


class Name(int):
    """A member of an enumeration of TensorRT's."""

    name: str


def names(*given: str) -> types.SimpleNamespace:
    found = types.SimpleNamespace()
    for number, name in enumerate(given):
        member = Name(number)
        member.name = name
        setattr(found, name, member)
    return found


def make(version: str, cuda: FakeCuda) -> types.ModuleType:
    """Return a module ``tensorrt`` of a version, 10 or 11, whose device memory is the fake's."""
    module: Any = types.ModuleType("tensorrt")
    major = int(version.partition(".")[0])
    module.__version__ = version
    module.ILogger, module.Logger, module.IOutputAllocator = ILogger, Logger, IOutputAllocator
    module.TensorIOMode = names("NONE", "INPUT", "OUTPUT")
    module.MemoryPoolType = names("WORKSPACE")
    # 11 has no switches for precision, and no batch but an explicit one.
    module.BuilderFlag = names("TF32", *(["FP16"] if major < 11 else []))
    module.NetworkDefinitionCreationFlag = names("EXPLICIT_BATCH" if major < 11 else "STRONGLY_TYPED")
    module.nptype = lambda kind: kind
    module.Builder = lambda logger: Builder(module, logger)
    module.OnnxParser = OnnxParser
    module.Runtime = lambda logger: Runtime(module, cuda, logger)
    return module  # type: ignore[no-any-return]


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    def log(self, severity: int, message: str) -> None:
        raise NotImplementedError


class Logger(ILogger):
    def __init__(self, severity: int = ILogger.WARNING) -> None:
        self.severity = severity

    def log(self, severity: int, message: str) -> None:
        print(f"[TRT] {message}")


class IOutputAllocator:
    pass


# -- building ----------------------------------------------------------------------------------


class NetworkTensor:
    def __init__(self, name: str, shape: list[int]) -> None:
        self.name = name
        self.shape = tuple(shape)


class Network:
    def __init__(self) -> None:
        self.model = b""
        self.inputs: list[NetworkTensor] = []

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    def get_input(self, index: int) -> NetworkTensor:
        return self.inputs[index]


class ParserError:
    def __init__(self, text: str) -> None:
        self._text = text

    def desc(self) -> str:
        return self._text


class OnnxParser:
    def __init__(self, network: Network, logger: ILogger) -> None:
        self._network = network
        self._errors: list[ParserError] = []

    def parse_from_file(self, model: str) -> bool:
        import onnx

        assert isinstance(model, str)
        try:
            loaded = onnx.load(model)
            onnx.checker.check_model(loaded)
        except Exception as fault:
            self._errors.append(ParserError(f"Failed to parse the ONNX model: {type(fault).__name__}"))
            return False
        self._network.model = Path(model).read_bytes()
        for item in loaded.graph.input:
            dims = item.type.tensor_type.shape.dim
            self._network.inputs.append(NetworkTensor(item.name, [dim.dim_value or -1 for dim in dims]))
        return True

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Any, Any, Any]] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        if not len(min) == len(opt) == len(max) or not all(a <= b <= c for a, b, c in zip(min, opt, max, strict=True)):
            raise ValueError("inconsistent profile")
        self.shapes[input] = (min, opt, max)


class TimingCache:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self) -> bytes:
        return b"TIMING" + bytes([self.data.count(b"x") + 1])


class BuilderConfig:
    def __init__(self, module: Any) -> None:
        self._module = module
        self.builder_optimization_level = 3
        self.flags: set[Any] = {module.BuilderFlag.TF32}
        self.pools: dict[Any, int] = {}
        self.profiles: list[Profile] = []
        self.timing: TimingCache | None = None

    def set_flag(self, flag: Any) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self.pools[pool] = pool_size

    def add_optimization_profile(self, profile: Profile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache:
        return TimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "a cache of another GPU must never be taken"
        if cache.data and not cache.data.startswith(b"TIMING"):
            return False
        self.timing = cache
        return True


class Builder:
    def __init__(self, module: Any, logger: ILogger) -> None:
        self._module = module
        self._logger = logger

    def create_network(self, flags: int = 0) -> Network:
        return Network()

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig(self._module)

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> bytes | None:
        dynamic = [tensor.name for tensor in network.inputs if -1 in tensor.shape]
        if dynamic and not (config.profiles and set(dynamic) <= set(config.profiles[0].shapes)):
            self._logger.log(ILogger.ERROR, "Network has dynamic inputs, but no optimization profile has been defined.")
            return None
        data = {
            "flags": sorted(flag.name for flag in config.flags),
            "level": config.builder_optimization_level,
            "model": base64.b64encode(network.model).decode(),
            "profile": config.profiles[0].shapes if config.profiles else {},
            "version": self._module.__version__,
            "workspace": config.pools[self._module.MemoryPoolType.WORKSPACE],
        }
        return b"ENGINE" + json.dumps(data).encode()


# -- running -----------------------------------------------------------------------------------


class Runtime:
    def __init__(self, module: Any, cuda: FakeCuda, logger: ILogger) -> None:
        self._module = module
        self._cuda = cuda
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
        if not serialized_engine.startswith(b"ENGINE"):
            self._logger.log(ILogger.ERROR, "Serialization assertion magicTagRead == kMAGIC_TAG failed.")
            return None
        data = json.loads(serialized_engine[6:])
        if data["version"] != self._module.__version__:
            self._logger.log(ILogger.ERROR, f"The engine plan file expects library version {data['version']}")
            return None
        return CudaEngine(self, self._module, self._cuda, data)


class CudaEngine:
    def __init__(self, runtime: Runtime, module: Any, cuda: FakeCuda, data: dict[str, Any]) -> None:
        import onnxruntime

        self._runtime = weakref.ref(runtime)
        self._module = module
        self.cuda = cuda
        self.profile = data["profile"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            base64.b64decode(data["model"]), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = {item.name: item for item in self.session.get_inputs()}
        self.outputs = {item.name: item for item in self.session.get_outputs()}

    def check(self) -> None:
        assert self._runtime() is not None, "the runtime must outlive its engines"

    @property
    def num_io_tensors(self) -> int:
        return len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, index: int) -> str:
        known: list[str] = [*self.inputs, *self.outputs]
        return known[index]

    def get_tensor_mode(self, name: str) -> Any:
        return self._module.TensorIOMode.INPUT if name in self.inputs else self._module.TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> Any:
        kind = (self.inputs.get(name) or self.outputs[name]).type
        return {"float": np.float32, "float16": np.float16, "bool": np.bool_}.get(kind[7:-1]) or np.dtype(kind[7:-1])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        shape = (self.inputs.get(name) or self.outputs[name]).shape
        return tuple(size if isinstance(size, int) else -1 for size in shape)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Any]:
        assert profile_index == 0
        return list(self.profile[name])

    def create_execution_context(self) -> ExecutionContext:
        self.check()
        return ExecutionContext(self)


class ExecutionContext:
    def __init__(self, engine: CudaEngine) -> None:
        self._engine = engine
        self._thread: int | None = None
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._allocators: dict[str, Any] = {}

    def set_output_allocator(self, name: str, output_allocator: Any) -> bool:
        self._allocators[name] = output_allocator
        return name in self._engine.outputs

    def set_input_shape(self, name: str, shape: Any) -> bool:
        least, _, greatest = self._engine.profile.get(name) or (shape, shape, shape)
        if len(shape) != len(least) or not all(a <= b <= c for a, b, c in zip(least, shape, greatest, strict=True)):
            return False
        self._shapes[name] = tuple(shape)
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        assert memory % 16 == 0, "addresses are aligned"
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        engine = self._engine
        engine.check()
        self._thread = self._thread or threading.get_ident()
        assert self._thread == threading.get_ident(), "one execution context per thread"
        assert stream_handle in engine.cuda.streams, "a stream that exists, and not the default one"
        feeds = {name: self._read(name) for name in engine.inputs}
        for name, array in zip(engine.outputs, engine.session.run(list(engine.outputs), feeds), strict=True):
            self._write(name, np.ascontiguousarray(array), stream_handle)
        return True

    def _read(self, name: str) -> np.ndarray:
        dtype = np.dtype(self._engine.get_tensor_dtype(name))
        shape = self._shapes[name]
        size = int(np.prod(shape)) * dtype.itemsize
        assert self._engine.cuda.holds(self._addresses[name], size), "an input must lie in the device's memory"
        data = ctypes.string_at(self._addresses[name], size)
        return np.frombuffer(data, dtype).reshape(shape)

    def _write(self, name: str, array: np.ndarray, stream: int) -> None:
        allocator = self._allocators[name]
        allocator.notify_shape(name, array.shape)
        allocate: Callable[..., int] = allocator.reallocate_output_async
        address = allocate(name, 0, array.nbytes, 256, stream)
        assert self._engine.cuda.holds(address, array.nbytes), "an output needs room for all of it"
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
