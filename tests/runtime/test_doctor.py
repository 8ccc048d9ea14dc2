"""hpi-doctor: machines that are well, and machines that are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import engines
from hpi_runtime.doctor import libraries
from hpi_runtime.doctor.examine import CONFLICT, MISSING, NOTE, OK, Environment, Finding, examine
from hpi_schemas.packages import install

BIN = Path(sys.executable).parent
EVERYTHING = {
    "onnx": "1.17.0",
    "onnxconverter-common": "1.16.0",
    "onnxruntime": "1.31.0",
    "opencv-python-headless": "4.14.0",
    "openvino": "2026.4.1",
    "paddle2onnx": "2.1.0",
    "paddlepaddle": "3.2.2",
}


Packages = dict[str, str | None]


def machine(packages: Packages | None = None, missing: tuple[str, ...] = (), **changes: Any) -> Environment:
    merged = {**EVERYTHING, **(packages or {})}
    values: dict[str, Any] = {
        "packages": {name: version for name, version in merged.items() if version is not None},
        "python": "3.12",
        "gpus": (),
        "cuda": None,
        "npus": 0,
        "cann": None,
        "onnxruntime_cuda": None,
        "loads": lambda name: name not in missing,
        "outside": (),
    }
    return Environment(**{**values, **changes})


def gpu_machine(packages: Packages | None = None, **changes: Any) -> Environment:
    given: Packages = {"onnxruntime": None, "onnxruntime-gpu": "1.31.1", **(packages or {})}
    return machine(given, **{"gpus": ("NVIDIA H100",), "cuda": "13.0", "onnxruntime_cuda": "13.0", **changes})


def told(here: Environment, state: str) -> list[Finding]:
    return [item for item in examine(here) if item.state == state]


def test_a_machine_with_everything_for_the_cpu_has_no_conflict() -> None:
    assert not told(machine(), CONFLICT)
    assert {item.subject for item in told(machine(), OK)} > {"onnxruntime", "openvino", "paddle", "paddle2onnx"}
    assert {item.subject: item.mend for item in told(machine(), MISSING)} == {
        "om": "install CANN and run its set_env.sh",
        "paddlex": "pip install 'paddlex==3.7.2', with its extra for the pipeline, such as ocr",
        "tensorrt": install("tensorrt"),
    }


def test_every_engine_is_looked_at() -> None:
    assert engines.names() == ("om", "onnxruntime", "openvino", "paddle", "tensorrt")
    bare = Environment({}, "3.12", (), None, 0, None, None, lambda name: False, ())
    assert {item.subject for item in told(bare, MISSING)} >= set(engines.names())


@pytest.mark.parametrize(
    ("here", "mend"),
    [
        (
            machine({"onnxruntime-gpu": "1.31.1"}),
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime",
        ),
        (
            gpu_machine({"onnxruntime": "1.31.0"}),
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu",
        ),
        (
            machine({"opencv-python": "4.10.0", "opencv-contrib-python": "4.10.0"}),
            "pip uninstall -y opencv-python-headless opencv-python opencv-contrib-python && "
            "pip install opencv-python-headless",
        ),
        (
            machine({"opencv-contrib-python": "4.10.0.84", "paddlex": "3.7.2"}),
            "pip uninstall -y opencv-python-headless opencv-contrib-python && "
            "pip install opencv-contrib-python==4.10.0.84",
        ),
        (machine({"paddlex": "3.4.3"}), "pip install 'paddlex==3.7.2'"),
        (machine({"paddlepaddle": "3.3.1"}), "pip install 'paddlepaddle>=3.0,<3.3'"),
        (gpu_machine(cuda="12.4"), "pip install 'onnxruntime-gpu<1.27'"),
        (gpu_machine(cuda="11.8", onnxruntime_cuda="12.6"), "update NVIDIA's driver"),
    ],
    ids=[
        "onnxruntimes",
        "onnxruntimes-gpu",
        "opencvs",
        "opencv-of-paddlex",
        "paddlex-3.4",
        "paddle-3.3",
        "driver-12",
        "driver-11",
    ],
)
def test_a_conflict_comes_with_the_command_that_mends_it(here: Environment, mend: str) -> None:
    (found,) = told(here, CONFLICT)
    assert found.mend == mend


@pytest.mark.parametrize(
    ("cuda", "library", "package"),
    [
        ("13.0", "libcublasLt.so.13", "nvidia-cublas"),
        ("13.0", "libcudnn.so.9", "nvidia-cudnn-cu13"),
        ("13.0", "libcurand.so.10", "nvidia-curand"),
        ("12.6", "libcudart.so.12", "nvidia-cuda-runtime-cu12"),
        ("12.6", "libcufft.so.11", "nvidia-cufft-cu12"),
        ("12.6", "libcudnn.so.9", "nvidia-cudnn-cu12"),
    ],
)
def test_a_missing_cuda_library_is_named_with_its_package(cuda: str, library: str, package: str) -> None:
    here = gpu_machine(missing=(library,), onnxruntime_cuda=cuda)
    (found,) = [item for item in told(here, MISSING) if item.subject == "onnxruntime"]
    assert library in found.message
    assert found.mend == f"pip install {package}"


def test_cuda_packages_of_another_version_are_told() -> None:
    (found,) = told(gpu_machine({"nvidia-cublas-cu12": "12.9", "nvidia-cublas": "13.0"}), NOTE)
    assert "nvidia-cublas-cu12 are of CUDA 12, onnxruntime-gpu of 13" in found.message
    (found,) = told(gpu_machine(outside=("/usr/local/cuda-12.4/lib64/libcudart.so.12.4",)), NOTE)
    assert "outside of Python packages" in found.message


def test_tensorrts_package_without_its_libraries_is_told() -> None:
    here = gpu_machine({"tensorrt": "10.16.1"}, missing=("libnvinfer.so.10",))
    (found,) = [item for item in told(here, MISSING) if item.subject == "tensorrt"]
    assert found.mend == "pip install --force-reinstall tensorrt==10.16.1"


def test_paddle2onnx_has_no_wheel_for_python_3_13() -> None:
    here = machine({"paddle2onnx": None}, python="3.13")
    (found,) = [item for item in told(here, MISSING) if item.subject == "paddle2onnx"]
    assert found.mend == "use Python 3.12"


def test_an_npu_with_cann_is_ready() -> None:
    (found,) = [item for item in told(machine(npus=8, cann="8.0.RC2"), OK) if item.subject == "om"]
    assert found.message == "8.0.RC2, for 8 NPUs"


def test_the_command_lists_what_is_here_and_exits_with_0() -> None:
    done = subprocess.run([str(BIN / "hpi-doctor")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "onnxruntime" in done.stdout
    assert "'tensorrt<12,>=10'" in done.stdout.replace("\n", "")
    found = json.loads(subprocess.run([str(BIN / "hpi-doctor"), "--json"], capture_output=True, check=True).stdout)
    assert {"state", "subject", "message", "mend"} == set(found[0])


def test_a_library_that_lacks_another_names_it(tmp_path: Path) -> None:
    import shutil

    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    inner, outer = tmp_path / "libcublasLt.so.12", tmp_path / "libprovider.so"
    empty = tmp_path / "empty.c"
    empty.write_text("int here(void) { return 1; }\n")
    build = ["cc", "-shared", "-fPIC", "-o"]
    subprocess.run([*build, str(inner), "-Wl,-soname,libcublasLt.so.12", str(empty)], check=True)
    subprocess.run([*build, str(outer), "-Wl,--no-as-needed", str(empty), str(inner)], check=True)
    assert libraries.unloadable(outer) == "libcublasLt.so.12"
    assert libraries.mend("libcublasLt.so.12") == "`pip install nvidia-cublas-cu12` brings libcublasLt.so.12"


@pytest.mark.parametrize("command", ["hpi-doctor", "hpi-cache list plan.json", "hpi-run plan.json --input x"])
def test_a_closed_or_full_stdout_is_one_line_and_no_traceback(command: str, tmp_path: Path) -> None:
    for redirect in (">&-", "> full"):
        (tmp_path / "full").unlink(missing_ok=True)
        (tmp_path / "full").symlink_to("/dev/full")
        done = subprocess.run(
            ["bash", "-c", f"{BIN}/{command} {redirect}"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
