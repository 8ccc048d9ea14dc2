"""NVIDIA's shared libraries: finding them in Python packages, and saying which package brings one that is missing."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Library without its version → package, where {} is the suffix of the CUDA version. TensorRT's are stubs on PyPI
# that fetch the library from NVIDIA's index.
_PACKAGES = {
    "libcublas": "nvidia-cublas{}",
    "libcublasLt": "nvidia-cublas{}",
    "libcudart": "nvidia-cuda-runtime{}",
    "libcudnn": "nvidia-cudnn-cu{cuda}",
    "libcufft": "nvidia-cufft{}",
    "libcurand": "nvidia-curand{}",
    "libnvJitLink": "nvidia-nvjitlink{}",
    "libnvrtc": "nvidia-cuda-nvrtc{}",
    "libnvinfer": "tensorrt-cu{cuda}-libs",
    "libnvinfer_plugin": "tensorrt-cu{cuda}-libs",
    "libnvonnxparser": "tensorrt-cu{cuda}-libs",
}
# Libraries whose version is not CUDA's; what they are in each CUDA.
_CUDA_OF = {"libcufft.so.11": "12", "libcufft.so.12": "13"}
_SONAME = re.compile(r"(lib\w+)\.so(?:\.(\d+))?")
_PROVIDERS = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}


def load(names: Sequence[str]) -> Any:
    """Load the first of these libraries that can be: from the system, else from a Python package of NVIDIA's.

    Returns:
        The library, or None if none of them can be loaded.
    """
    for name in names:
        for candidate in (name, *map(str, in_packages(name))):
            try:
                return ctypes.CDLL(candidate)
            except OSError:
                continue
    return None


def in_packages(name: str) -> Iterator[Path]:
    """Yield where a library lies in the Python packages ``nvidia-*`` and ``tensorrt*``."""
    for entry in sys.path:
        root = Path(entry or ".")
        for pattern in (f"nvidia/*/lib/{name}", f"tensorrt_libs/{name}"):
            yield from sorted(root.glob(pattern))


def package_of(soname: str, cuda: str) -> str:
    """Return the package on PyPI that brings a library, empty if none does.

    Args:
        soname: such as ``libcublasLt.so.12``.
        cuda: the major version of CUDA, where the name does not tell it.
    """
    found = _SONAME.match(soname)
    pattern = _PACKAGES.get(found.group(1), "") if found else ""
    if not found or not pattern:
        return ""
    if found.group(1) in ("libcublas", "libcublasLt", "libcudart", "libnvrtc", "libnvJitLink") and found.group(2):
        cuda = found.group(2)
    cuda = _CUDA_OF.get(f"{found.group(1)}.so.{found.group(2)}", cuda)
    # From CUDA 13 on the packages have no suffix, cuDNN's apart.
    return pattern.format("" if int(cuda) >= 13 else f"-cu{cuda}", cuda=cuda)


def mend(soname: str, cuda: str = "12") -> str:
    """Return how a missing library is had."""
    package = package_of(soname, cuda)
    if package:
        return f"`pip install {package}` brings {soname}"
    if soname.startswith(("libcuda.", "libnvidia-ml")):
        return f"{soname} comes with NVIDIA's driver"
    return f"{soname} must be installed"


def missing_for(onnxruntime: Any, provider: str) -> str:
    """Return why ONNX Runtime left a provider out, for people.

    Args:
        onnxruntime: the imported package.
        provider: ``CUDAExecutionProvider`` or ``TensorrtExecutionProvider``.
    """
    if provider not in onnxruntime.get_available_providers():
        return "this onnxruntime is built without it; `pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`"
    library = Path(onnxruntime.__file__).parent / f"capi/libonnxruntime_providers_{_PROVIDERS[provider]}.so"
    cuda = str(getattr(onnxruntime, "cuda_version", "") or "12").partition(".")[0]
    missing = unloadable(library)
    return mend(missing, cuda) if missing else "its libraries load, so the driver or the GPU must be at fault"


def unloadable(library: Path) -> str:
    """Return the name of the library that keeps another from being loaded, empty if none does."""
    try:
        ctypes.CDLL(str(library))
    except OSError as fault:
        if "undefined symbol" in str(fault):
            # All that it is linked to was found; the rest comes from whoever loads it.
            return ""
        # glibc says: NAME: cannot open shared object file: No such file or directory.
        name = str(fault).partition(":")[0].strip()
        return Path(name).name
    return ""
