"""CUDA's runtime in host memory, with its rules: a device is chosen, memory is known, nothing is freed twice."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

INVALID_VALUE = 1


class FakeCuda:
    """The functions of libcudart that hpi_runtime.engines.native.cuda calls."""

    def __init__(self) -> None:
        self.memory: dict[int, Any] = {}
        self.streams: set[int] = set()
        self._own = threading.local()
        self.cudaGetErrorString = lambda status: f"invalid argument {status}".encode()

    def holds(self, address: int, size: int) -> bool:
        """Tell whether so many bytes from an address on lie in memory that was allocated."""
        return any(start <= address and address + size <= start + len(buffer) for start, buffer in self.memory.items())

    def cudaSetDevice(self, device: int) -> int:
        self._own.device = device
        return 0

    def _chosen(self) -> bool:
        return hasattr(self._own, "device")

    def cudaMalloc(self, place: Any, size: Any) -> int:
        if not self._chosen() or size.value == 0:
            return INVALID_VALUE
        buffer = ctypes.create_string_buffer(size.value)
        address = ctypes.addressof(buffer)
        self.memory[address] = buffer
        place._obj.value = address
        return 0

    def cudaFree(self, address: Any) -> int:
        return 0 if self.memory.pop(address.value, None) is not None else INVALID_VALUE

    def cudaStreamCreateWithFlags(self, place: Any, flags: int) -> int:
        place._obj.value = 0x1000 + len(self.streams)
        self.streams.add(place._obj.value)
        return 0

    def cudaStreamSynchronize(self, stream: Any) -> int:
        return 0 if stream.value in self.streams else INVALID_VALUE

    def cudaStreamDestroy(self, stream: Any) -> int:
        if stream.value not in self.streams:
            return INVALID_VALUE
        self.streams.remove(stream.value)
        return 0

    def cudaMemcpyAsync(self, target: Any, source: Any, size: Any, kind: int, stream: Any) -> int:
        device = target.value if kind == 1 else source.value
        if not self._chosen() or stream.value not in self.streams or not self.holds(device, size.value):
            return INVALID_VALUE
        ctypes.memmove(target.value, source.value, size.value)
        return 0
