"""Looking at this machine: everything that a target records, with nothing loaded but NVML."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import math
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from hpi_schemas.target import Gpu, Target

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_RECORDED = ".dist-info"
# Features that change which kernels an engine picks.
_CPU_FEATURES = frozenset(
    [
        "avx2",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "avx_vnni",
        "amx_bf16",
        "amx_int8",
        "asimd",
        "asimddp",
        "bf16",
        "i8mm",
        "sve",
    ]
)


def this_machine(
    backends: Mapping[str, Iterable[str]],
    tools: Mapping[str, Iterable[str]],
    hosts: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Target:
    """Describe the machine that runs this.

    Args:
        backends: for each backend the names of the distributions that bring it.
        tools: the same for the tools of prepare steps.
        hosts: the same for what can run a pipeline around our engines.
    """
    nvidia = _nvidia()
    versions = {name: installed(dists) for name, dists in sorted(backends.items())}
    return Target(
        os=platform.system().lower(),
        arch=architecture(),
        cores=usable_cores(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        cpu_features=cpu_features(),
        gpus=nvidia.gpus,
        driver=nvidia.driver,
        cuda=nvidia.cuda,
        npus=len(list(Path("/dev").glob("davinci[0-9]*"))),
        backends=versions,
        tools={name: installed(dists) for name, dists in sorted(tools.items())},
        hosts={name: installed(dists) for name, dists in sorted(hosts.items())},
        paddle_features=_paddle_features(versions) if versions.get("paddle") else None,
    )


def _paddle_features(versions: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return what Paddle can use here: oneDNN, which its x86-64 packages bring, and TensorRT's libraries."""
    has_tensorrt = versions.get("tensorrt") is not None and ctypes.util.find_library("nvinfer") is not None
    return (("mkldnn",) if architecture() == "x86_64" else ()) + (("tensorrt",) if has_tensorrt else ())


def architecture() -> str:
    """Return this machine's architecture under one name per kind: ``x86_64``, ``aarch64``."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def installed(distributions: Iterable[str]) -> str | None:
    """Return the version of the first of these distributions that is installed, or None.

    ``cann`` stands for Ascend's toolkit, which is no Python package.
    """
    for name in distributions:
        version = _cann() if name == "cann" else _version(name)
        if version is not None:
            return version
    return None


def _version(distribution: str) -> str | None:
    """Return the version of a distribution, None if it is not installed.

    Installers name its folder after it (packaging.python.org/specifications/recording-installed-packages). Python's own
    way, for whatever has none, takes longer to import than all of these folders to list.
    """
    found = _recorded().get(_normal(distribution))
    if found is not None:
        return found
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@cache
def _recorded() -> Mapping[str, str]:
    """Return the versions of what is installed, by normal names; of two of a name, that which is found first."""
    found: dict[str, str] = {}
    for folder in sys.path:
        with suppress(OSError):
            for item in sorted(path.name for path in Path(folder or ".").iterdir()):
                name, _, version = item.removesuffix(_RECORDED).partition("-")
                if item.endswith(_RECORDED) and version:
                    found.setdefault(_normal(name), version)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _cann() -> str | None:
    """Return the version that Ascend's toolkit or runtime was installed with, if its pyACL can be imported."""
    if importlib.util.find_spec("acl") is None:
        return None
    named = os.environ.get("ASCEND_TOOLKIT_HOME") or os.environ.get("ASCEND_HOME_PATH")
    homes = [Path(named)] if named else []
    homes += [Path("/usr/local/Ascend") / name / "latest" for name in ("ascend-toolkit", "nnrt")]
    for home in homes:
        for path in sorted(home.glob("*-linux/ascend_*_install.info")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "version":
                    return value.strip()
    return "unknown"


def usable_cores() -> int:
    """Return how many cores this process may use: the smaller of affinity and cgroup quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota(Path("/sys/fs/cgroup"))
    return affinity if quota is None else max(1, min(affinity, math.ceil(quota)))


def _cgroup_quota(root: Path) -> float | None:
    """Return the processor quota of this control group in cores, or None without one."""
    try:
        limit, period = (root / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit = (root / "cpu/cpu.cfs_quota_us").read_text()
        period = (root / "cpu/cpu.cfs_period_us").read_text()
        return None if int(limit) <= 0 else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def cpu_features() -> tuple[str, ...]:
    """Return the features of this processor that change which kernels an engine picks, sorted."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    for line in lines:
        if line.startswith(("flags", "Features")):
            return tuple(sorted(_CPU_FEATURES.intersection(line.split(":", 1)[1].split())))
    return ()


@dataclass(frozen=True)
class _Nvidia:
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    cuda: str | None = None


def _nvidia() -> _Nvidia:
    """Ask NVML (docs.nvidia.com/deploy/nvml-api); without a driver there is nothing to tell."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return _Nvidia()
    if nvml.nvmlInit_v2() != 0:
        return _Nvidia()
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        cuda = ctypes.c_int()
        nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(cuda))
        driver = ctypes.create_string_buffer(96)
        nvml.nvmlSystemGetDriverVersion(driver, 96)
        return _Nvidia(
            gpus=tuple(_gpu(nvml, index) for index in range(count.value)),
            driver=driver.value.decode() or None,
            cuda=f"{cuda.value // 1000}.{cuda.value % 1000 // 10}" if cuda.value else None,
        )
    finally:
        nvml.nvmlShutdown()


class _NvmlMemory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _gpu(nvml: ctypes.CDLL, index: int) -> Gpu:
    handle = ctypes.c_void_p()
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    name = ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetName(handle, name, 96)
    major, minor = ctypes.c_int(), ctypes.c_int()
    nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    memory = _NvmlMemory()
    nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return Gpu(name.value.decode(), f"{major.value}.{minor.value}", memory.total >> 20)
