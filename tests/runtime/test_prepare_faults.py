"""Builds that are killed, starved of disk, or run ten at once: the next run is right, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare import cache, engine_files
from hpi_schemas import probe
from hpi_schemas.canonical import digest_file
from hpi_schemas.device import CPU, Device
from hpi_schemas.plan import read
from support import preparing, records, tiny_models

pytestmark = pytest.mark.fault("builds that are killed, starved of disk or run at once")
STEP = {"options": {}, "produces": "inference.onnx", "step": "to_fp16", "tool": "onnxconverter-common"}
# Ends the process as kill -9 does when a function of ours is called for the n-th time.
KILLED = (
    "import os, signal, sys\n"
    "name, left = sys.argv[3], int(sys.argv[4])\n"
    "def hook(frame, event, _):\n"
    "    global left\n"
    "    if event == 'call' and frame.f_code.co_name == name:\n"
    "        left -= 1\n"
    "        if left == 0:\n"
    "            os.kill(os.getpid(), signal.SIGKILL)\n"
    "sys.setprofile(hook)\n"
    f"{preparing.CODE}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_models.onnx_model(tmp_path / "model", "float32")
    return tmp_path / "model"


def files(folder: Path) -> dict[str, str]:
    return {"inference.onnx": digest_file(folder / "inference.onnx")}


def prepare(folder: Path) -> Path:
    return engine_files(records.model(files(folder)), records.engine(STEP), folder, CPU).folder


def start(code: str, folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *preparing.arguments(STEP, files(folder), folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("obtain", 1),
        ("_make", 1),
        # While the child is at work.
        ("remind", 3),
        ("_result", 1),
        ("_files", 1),
        ("write_atomic", 1),
        ("replace", 1),
        ("rename", 1),
        # Behind the last step.
        ("rmtree", 1),
    ],
)
def test_after_kill_9_at_any_step_the_next_run_is_right(folder: Path, function: str, call: int) -> None:
    job = start(KILLED, folder, function, str(call))
    _, errors = job.communicate()
    assert job.returncode == -signal.SIGKILL, errors
    place = prepare(folder)
    assert cache.is_whole(place)
    assert not list(place.parent.glob("*.building-*"))
    assert not list(place.parent.glob("*.damaged-*"))
    assert prepare(folder) == place


def test_a_child_that_is_killed_is_an_error_that_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpi_schemas.children.sys.executable", shutil.which("false"))
    with pytest.raises(PrepareError, match=r"to_fp16 of .* failed: exit code 1; its log is .*\.log"):
        prepare(folder)
    script = folder / "killed"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr("hpi_schemas.children.sys.executable", str(script))
    with pytest.raises(PrepareError, match="failed: killed by SIGKILL; its log is"):
        prepare(folder)


def test_a_child_whose_parent_is_killed_goes_too(folder: Path) -> None:
    job = start(KILLED, folder, "remind", "2")
    job.communicate()
    deadline = time.monotonic() + 20
    while _children(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _children(folder)


def _children(folder: Path) -> list[bytes]:
    lines = [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in lines if b"hpi_runtime.prepare.child" in line and str(folder).encode() in line]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_ten_processes_at_once_build_once(folder: Path) -> None:
    jobs = [start(preparing.CODE, folder) for _ in range(10)]
    results = [job.communicate() for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 10, results
    assert len({out for out, _ in results}) == 1
    assert sum("to_fp16" in err for _, err in results) == 1


@pytest.mark.parametrize("tool", ["onnxconverter-common", "onnx"])
def test_another_version_of_a_tool_is_another_artefact(
    folder: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(folder)
    real = probe.installed
    monkeypatch.setattr("hpi_schemas.probe.installed", lambda names: "9.9" if tool in names else real(names))
    assert prepare(folder) != first


def test_another_gpu_is_another_artefact_where_the_result_depends_on_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpi_schemas.target import Gpu, Target

    def key(gpu: Gpu, step: str) -> str:
        target = Target("linux", "x86_64", 2, gpus=(gpu,))
        monkeypatch.setattr("hpi_schemas.probe.this_machine", lambda backends, tools: target)
        return cache.Artefact(
            read.step({**STEP, "step": step}), folder, ("inference.onnx",), {}, folder, Device("gpu", (0,))
        ).key

    one, other = Gpu("NVIDIA A10", "8.6", 24564), Gpu("NVIDIA H100", "9.0", 81559)
    assert key(one, "build_engine") != key(other, "build_engine")
    assert key(one, "build_subgraphs") != key(other, "build_subgraphs")
    assert key(one, "to_fp16") == key(other, "to_fp16")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_an_error_and_the_next_run_is_right(folder: Path, small_disk: Path) -> None:
    model = small_disk / "model"
    shutil.copytree(folder, model)
    filler = small_disk / "filler"
    with suppress(OSError):
        filler.write_bytes(b"x" * (64 << 10))
    with pytest.raises(PrepareError, match=r"o space (is )?left"):
        prepare(model)
    filler.unlink()
    assert cache.is_whole(prepare(model))


def test_a_folder_that_cannot_be_written_uses_the_cache_of_the_user(
    folder: Path, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    model = small_disk / "model"
    shutil.copytree(folder, model)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    place = prepare(model)
    assert place.is_relative_to(tmp_path / "home")
    assert prepare(model) == place
