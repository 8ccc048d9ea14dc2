"""What is installed, what conflicts, what each backend lacks, and the command that mends it.

Looks at package metadata, files and shared libraries; imports no inference library, for a broken one must not end
the examination.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hpi_schemas import hosts, probe
from hpi_schemas.packages import install

from hpi_runtime import engines
from hpi_runtime.doctor import libraries
from hpi_runtime.prepare.steps import TENSORRT

OK, NOTE, MISSING, CONFLICT = "ok", "note", "missing", "conflict"

# Packages that share a folder: the last one installed overwrites the others, and removing one breaks the rest.
_SAME_FOLDER = (
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-rocm"),
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("paddlepaddle", "paddlepaddle-gpu"),
)
_PADDLEXS_OPENCV = "opencv-contrib-python"
# What ONNX Runtime's CUDA provider loads, now or at the first convolution; versions filled in by CUDA's.
_CUDA_LIBRARIES = {
    "12": ("libcudart.so.12", "libcublasLt.so.12", "libcublas.so.12", "libcufft.so.11"),
    "13": ("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcufft.so.12"),
}
_OF_ANY_CUDA = ("libcurand.so.10", "libcudnn.so.9")
_CUDA_PACKAGE = re.compile(r"nvidia-(?:cublas|cuda-runtime|cudnn|cufft|curand)(?:-cu(\d+))?")
_PADDLE_RANGE = ((3, 0), (3, 3))


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        state: ``ok``, ``note``, ``missing`` or ``conflict``.
        subject: a backend, a tool, or what conflicts.
        message: for people.
        mend: the command that mends it, empty where there is nothing to mend.
    """

    state: str
    subject: str
    message: str
    mend: str = ""


@dataclass(frozen=True)
class Environment:
    """What is examined.

    Attributes:
        packages: version by normalised name of every Python package.
        python: ``major.minor``.
        gpus: names of NVIDIA's GPUs.
        cuda: the newest CUDA that the driver supports, None without a driver.
        npus: number of Ascend NPUs.
        cann: version of Ascend's toolkit, None without it.
        onnxruntime_cuda: the CUDA that onnxruntime-gpu was built with, None where it does not say.
        loads: tells whether a shared library can be loaded, from the system or from a package.
        outside: shared libraries of NVIDIA's that are no part of a Python package, by path.
    """

    packages: Mapping[str, str]
    python: str
    gpus: tuple[str, ...]
    cuda: str | None
    npus: int
    cann: str | None
    onnxruntime_cuda: str | None
    loads: Callable[[str], bool]
    outside: tuple[str, ...]


def this_environment() -> Environment:
    """Look at this machine and this Python."""
    target = probe.this_machine({}, {})
    return Environment(
        packages={
            re.sub(r"[-_.]+", "-", item.name).lower(): item.version for item in importlib.metadata.distributions()
        },
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        gpus=tuple(gpu.name for gpu in target.gpus),
        cuda=target.cuda,
        npus=target.npus,
        cann=probe.installed(("cann",)),
        onnxruntime_cuda=_onnxruntime_cuda(),
        loads=lambda name: libraries.load((name,)) is not None,
        outside=tuple(_outside()),
    )


def examine(here: Environment) -> list[Finding]:
    """Return everything that was found, conflicts first."""
    found = [*_conflicts(here), *_cuda(here), *_tensorrt(here), *_backends(here), *_tools(here)]
    order = (CONFLICT, MISSING, NOTE, OK)
    return sorted(found, key=lambda item: order.index(item.state))


# -- conflicts ---------------------------------------------------------------------------------


def _conflicts(here: Environment) -> Iterator[Finding]:
    for names in _SAME_FOLDER:
        present = [name for name in names if name in here.packages]
        if len(present) < 2:
            continue
        keep = present[0]
        if keep in ("onnxruntime", "paddlepaddle") and here.gpus and f"{keep}-gpu" in present:
            keep = f"{keep}-gpu"
        if hosts.PADDLEX in here.packages and _PADDLEXS_OPENCV in present:
            # It pins this one.
            keep = f"{_PADDLEXS_OPENCV}=={here.packages[_PADDLEXS_OPENCV]}"
        listed = " and ".join(f"{name} {here.packages[name]}" for name in present)
        # All of them, for what is left of the others is broken.
        mend = f"pip uninstall -y {' '.join(present)} && pip install {keep}"
        yield Finding(CONFLICT, names[0], f"{listed} write to the same folder", mend)
    paddle = here.packages.get("paddlepaddle") or here.packages.get("paddlepaddle-gpu")
    least, beyond = _PADDLE_RANGE
    if paddle is not None and not least <= _release(paddle) < beyond:
        message = f"Paddle {paddle} is not of 3.0 to 3.2; from 3.3 on oneDNN fails at `interpolate` in many models"
        yield Finding(CONFLICT, "paddle", message, "pip install 'paddlepaddle>=3.0,<3.3'")


def _cuda(here: Environment) -> Iterator[Finding]:
    """Compare the CUDA of onnxruntime-gpu with the driver, and with the libraries at hand."""
    if "onnxruntime-gpu" not in here.packages or not here.gpus:
        return
    built = here.onnxruntime_cuda or "12"
    major = built.partition(".")[0]
    if here.cuda is not None and _release(here.cuda)[0] < int(major):
        message = f"onnxruntime-gpu is built for CUDA {built}, and the driver supports {here.cuda}"
        older = "pip install 'onnxruntime-gpu<1.27'"
        yield Finding(CONFLICT, "cuda", message, older if major == "13" else "update NVIDIA's driver")
    others = {
        name: found.group(1) or "13"
        for name in here.packages
        if (found := _CUDA_PACKAGE.fullmatch(name)) and (found.group(1) or "13") != major
    }
    if others:
        names = sorted(others)
        message = (
            f"{', '.join(names)} are of CUDA {', '.join(sorted(set(others.values())))}, onnxruntime-gpu of {major}"
        )
        yield Finding(NOTE, "cuda", message, f"pip uninstall -y {' '.join(names)}")
    for name in (*_CUDA_LIBRARIES.get(major, ()), *_OF_ANY_CUDA):
        if not here.loads(name):
            package = libraries.package_of(name, major)
            yield Finding(MISSING, "onnxruntime", f"its CUDA provider needs {name}", f"pip install {package}")
    if here.outside:
        message = f"CUDA libraries outside of Python packages: {', '.join(here.outside)}"
        yield Finding(NOTE, "cuda", f"{message}; LD_LIBRARY_PATH decides which are loaded")


def _tensorrt(here: Environment) -> Iterator[Finding]:
    version = _first(here, TENSORRT.distributions)
    if version is None:
        return
    for stem in ("libnvinfer", "libnvonnxparser"):
        name = f"{stem}.so.{_release(version)[0]}"
        if not here.loads(name):
            message = f"the package is there, and its library {name} is not"
            yield Finding(MISSING, "tensorrt", message, f"pip install --force-reinstall tensorrt=={version}")


# -- what is there, and what is not ------------------------------------------------------------


def _backends(here: Environment) -> Iterator[Finding]:
    for name in engines.names():
        kind = engines.find(name)
        assert kind is not None
        version = here.cann if kind.distributions == ("cann",) else _first(here, kind.distributions)
        if version is not None:
            yield Finding(OK, name, f"{version}, for {_devices(here, name)}")
        elif kind.distributions == ("cann",):
            yield Finding(MISSING, name, "Ascend's CANN is not installed", "install CANN and run its set_env.sh")
        else:
            yield Finding(MISSING, name, "not installed", install(_extra(here, name, kind.extra)))


def _devices(here: Environment, name: str) -> str:
    if name == "tensorrt":
        return ", ".join(here.gpus) or "no GPU that is here"
    if name == "om":
        return f"{here.npus} NPUs"
    gpu = {"onnxruntime": "onnxruntime-gpu", "paddle": "paddlepaddle-gpu"}.get(name)
    with_gpu = gpu is not None and gpu in here.packages and bool(here.gpus)
    return f"the CPU and {', '.join(here.gpus)}" if with_gpu else "the CPU"


def _extra(here: Environment, name: str, extra: str) -> str:
    return "gpu" if name == "onnxruntime" and here.gpus else extra


def _tools(here: Environment) -> Iterator[Finding]:
    for name, what in (
        ("paddle2onnx", "converts Paddle models for the other backends"),
        ("onnxconverter-common", "makes fp16 models for ONNX Runtime and TensorRT 11"),
    ):
        if name in here.packages:
            yield Finding(OK, name, here.packages[name])
        elif name == "paddle2onnx" and _release(here.python) >= (3, 13):
            yield Finding(MISSING, name, f"{what}; it has no wheel for Python {here.python}", "use Python 3.12")
        else:
            mend = install("convert") if name == "paddle2onnx" else f"pip install {name}"
            yield Finding(MISSING, name, what, mend)
    yield _host(here, hosts.PADDLEX)


def _host(here: Environment, name: str) -> Finding:
    what, tested = "runs pipelines that hpi-run has no stage graph for", hosts.newest(name)
    version = here.packages.get(name)
    if version is None:
        return Finding(
            MISSING, name, what, f"pip install '{name}=={tested}', with its extra for the pipeline, such as ocr"
        )
    if version in hosts.TESTED[name]:
        return Finding(OK, name, version)
    return Finding(CONFLICT, name, f"{version} was never tested as a host", f"pip install '{name}=={tested}'")


# -- looking -----------------------------------------------------------------------------------


def _first(here: Environment, distributions: Iterable[str]) -> str | None:
    return next((here.packages[name] for name in distributions if name in here.packages), None)


def _release(version: str) -> tuple[int, int]:
    """Return major and minor; 0 for what is no number."""
    numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return (numbers or [0])[0], (*numbers, 0, 0)[1]


def _onnxruntime_cuda() -> str | None:
    """Read the CUDA version that onnxruntime-gpu was built with from the file that its build left."""
    spec = importlib.util.find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "capi/build_and_package_info.py"
        if path.is_file():
            found = re.search(r"cuda_version\s*=\s*[\"']([\d.]+)", path.read_text(encoding="utf-8", errors="replace"))
            return found.group(1) if found else None
    return None


def _outside() -> Iterator[str]:
    for folder in ("/usr/local/cuda*/lib64", "/usr/local/cuda*/targets/*/lib", "/usr/lib/x86_64-linux-gnu"):
        for path in sorted(Path("/").glob(f"{folder[1:]}/libcudart.so.*.*")):
            yield str(path)
