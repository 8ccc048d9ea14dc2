"""CUDA, as far as engines need it: devices, memory, copies and streams, through ctypes.

The functions are those of the driver API (docs.nvidia.com/cuda/cuda-driver-api) for counting devices, and of
the runtime API (docs.nvidia.com/cuda/cuda-runtime-api) for the rest. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from hpi_runtime.doctor import libraries
from hpi_runtime.errors import EngineError

_TO_DEVICE, _TO_HOST = 1, 2
_NON_BLOCKING = 1
_RUNTIMES = ("libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")


@cache
def device_count() -> int:
    """Return how many GPUs the driver shows; 0 without a driver.

    Asked before anything of TensorRT is touched, which may crash where there is no driver.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


class Cuda:
    """One GPU, used from any thread."""

    def __init__(self, device: int) -> None:
        """Open a device.

        Raises:
            EngineError: there is no such GPU, or no CUDA runtime library.
        """
        if device >= device_count():
            raise EngineError(f"there is no GPU {device}; the NVIDIA driver shows {device_count() or 'none'}")
        self._library = _runtime()
        self._device = device

    def select(self) -> None:
        """Make this GPU the calling thread's."""
        self._check(self._library.cudaSetDevice(self._device), "cudaSetDevice")

    def allocate(self, size: int) -> int:
        """Return the address of new memory on the GPU, ``size`` bytes."""
        address = ctypes.c_void_p()
        self._check(
            self._library.cudaMalloc(ctypes.byref(address), ctypes.c_size_t(size)), f"cudaMalloc of {size} bytes"
        )
        return int(address.value or 0)

    def free(self, address: int) -> None:
        """Give memory back."""
        self._check(self._library.cudaFree(ctypes.c_void_p(address)), "cudaFree")

    def stream(self) -> int:
        """Return a new stream."""
        made = ctypes.c_void_p()
        self._check(self._library.cudaStreamCreateWithFlags(ctypes.byref(made), _NON_BLOCKING), "cudaStreamCreate")
        return int(made.value or 0)

    def wait(self, stream: int) -> None:
        """Wait until everything that was queued on a stream is done."""
        self._check(self._library.cudaStreamSynchronize(ctypes.c_void_p(stream)), "cudaStreamSynchronize")

    def destroy(self, stream: int) -> None:
        """Give a stream back."""
        self._check(self._library.cudaStreamDestroy(ctypes.c_void_p(stream)), "cudaStreamDestroy")

    def upload(self, address: int, array: np.ndarray[Any, Any], stream: int) -> None:
        """Queue the copy of a C-contiguous array to the GPU."""
        self._copy(address, array.ctypes.data, array.nbytes, _TO_DEVICE, stream)

    def download(self, array: np.ndarray[Any, Any], address: int, stream: int) -> None:
        """Queue the copy of GPU memory into a C-contiguous array."""
        self._copy(array.ctypes.data, address, array.nbytes, _TO_HOST, stream)

    def _copy(self, target: int, source: int, size: int, kind: int, stream: int) -> None:
        status = self._library.cudaMemcpyAsync(
            ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size), kind, ctypes.c_void_p(stream)
        )
        self._check(status, f"cudaMemcpyAsync of {size} bytes")

    def _check(self, status: int, call: str) -> None:
        if status != 0:
            words = self._library.cudaGetErrorString(status)
            raise EngineError(f"{call} failed: {words.decode(errors='replace')} ({status})")


@cache
def _runtime() -> Any:
    library = libraries.load(_RUNTIMES)
    if library is None:
        raise EngineError(f"no CUDA runtime library was found: {libraries.mend(_RUNTIMES[0])}")
    library.cudaGetErrorString.restype = ctypes.c_char_p
    return library
