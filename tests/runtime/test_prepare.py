"""The cache of prepared artefacts, with real conversions."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare import engine_files
from hpi_runtime.prepare.steps import Job, to_onnx
from hpi_schemas.canonical import digest_file
from hpi_schemas.device import CPU
from hpi_schemas.model_store import program_files
from support import converting, preparing, records
from support.engines import CONFIGS

pytestmark = pytest.mark.convert
DIGITS = Path(__file__).parent.parent.parent / "examples/digits/digits_cnn"
STEP = {"options": {"opset": 14}, "produces": "inference.onnx", "step": "to_onnx", "tool": "paddle2onnx"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DIGITS, tmp_path / "digits")
    shutil.rmtree(tmp_path / "digits/.cache", ignore_errors=True)
    return tmp_path / "digits"


def arguments(folder: Path, **step: Any) -> dict[str, Any]:
    names = [path.name for path in folder.iterdir() if path.is_file()]
    files = {name: digest_file(folder / name) for name in names}
    engine = records.engine({**STEP, **step}, form="paddle")
    return {"model": records.model(files, "paddle"), "engine": engine, "device": CPU}


def keys(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.is_dir()}


@pytest.mark.parametrize("suffix", ["json", "pdmodel"])
def test_both_paddle_formats_become_onnx_with_the_same_answers(
    suffix: str, engine_models: Path, tmp_path: Path
) -> None:
    source = engine_models / ("pir" if suffix == "json" else "legacy") / "ch_ppocr_mobile_v2.0_cls"
    shutil.copytree(source, tmp_path / "model")
    place, files, _ = engine_files(**arguments(tmp_path / "model"), folder=tmp_path / "model")
    assert files == ("inference.onnx",)
    assert place.parent == tmp_path / "model/.cache"
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 192)).astype(np.float32)
    outputs: list[np.ndarray] = []
    programs = program_files("paddle", [path.name for path in source.iterdir()])
    for name, where, what in (("onnxruntime", place, files), ("paddle", source, programs)):
        kind = engines.find(name)
        assert kind is not None
        with kind(where, what, CONFIGS[name], CPU) as engine:
            outputs += engine.run({"x": x}).values()
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-5


def _job(folder: Path, out: Path) -> Job:
    files = (folder / "inference.json", folder / "inference.pdiparams")
    return Job("to_onnx", {"opset": 14}, CPU, files, out, out / "inference.onnx")


def test_what_was_converted_is_compared_with_paddle(folder: Path, tmp_path: Path) -> None:
    found = converting.apart(converting.rightly, _job(folder, tmp_path))
    assert found["opset"] == 14
    assert found["difference"] < 1e-5
    assert list(found["shapes"]) == ["x"]


def test_a_conversion_that_answers_otherwise_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="answers differ from Paddle's by"):
        converting.apart(converting.to_another_model, _job(folder, tmp_path))


def test_not_a_number_is_no_agreement() -> None:
    with pytest.raises(RuntimeError, match="differ from Paddle's by nan"):
        to_onnx._worst([np.ones(2)], [np.array([1, np.nan])])
    with pytest.raises(RuntimeError, match="outputs of the shapes"):
        to_onnx._worst([np.ones(2)], [np.ones(3)])


def test_a_model_that_could_not_be_compared_says_so(folder: Path, tmp_path: Path) -> None:
    found = converting.apart(converting.without_a_comparison, _job(folder, tmp_path))
    assert "was not compared with Paddle" in found["warning"]


def test_the_second_time_nothing_is_built(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, _, _ = engine_files(**arguments(folder), folder=folder)
    written = (first / "inference.onnx").stat().st_mtime_ns
    capfd.readouterr()
    second, _, _ = engine_files(**arguments(folder), folder=folder)
    assert (second, (second / "inference.onnx").stat().st_mtime_ns) == (first, written)
    assert "to_onnx" not in capfd.readouterr().err


def test_another_model_or_another_option_is_another_artefact(folder: Path) -> None:
    first, _, _ = engine_files(**arguments(folder), folder=folder)
    other, _, _ = engine_files(**arguments(folder, options={"opset": 13}), folder=folder)
    (folder / "inference.yml").write_text("changed: true\n")
    same, _, _ = engine_files(**arguments(folder), folder=folder)
    weights = bytearray((folder / "inference.pdiparams").read_bytes())
    weights[-1] ^= 1
    (folder / "inference.pdiparams").write_bytes(weights)
    changed, _, _ = engine_files(**arguments(folder), folder=folder)
    # The conversion does not read inference.yml; it does read the weights and the opset.
    assert same == first
    assert len({first, other, changed}) == 3


def test_a_damaged_artefact_is_moved_aside_and_built_again(folder: Path) -> None:
    place, _, _ = engine_files(**arguments(folder), folder=folder)
    whole = digest_file(place / "inference.onnx")
    (place / "inference.onnx").write_bytes(b"half")
    again, _, _ = engine_files(**arguments(folder), folder=folder)
    assert again == place
    assert digest_file(again / "inference.onnx") == whole
    (aside,) = [path for path in place.parent.iterdir() if ".damaged-" in path.name]
    assert (aside / "inference.onnx").read_bytes() == b"half"


def test_what_a_killed_build_leaves_behind_harms_nobody(folder: Path) -> None:
    cache = folder / ".cache"
    (cache / "abc.building-x").mkdir(parents=True)
    (cache / "abc.building-x/inference.onnx").write_bytes(b"half")
    place, _, _ = engine_files(**arguments(folder), folder=folder)
    assert (place / "artefact.json").is_file()


def test_a_failed_conversion_says_where_its_log_is_and_what_mends_it(folder: Path) -> None:
    (folder / "inference.json").write_text("{}")
    with pytest.raises(PrepareError, match=r"to_onnx of .* failed: exit code \d+: \w.*; its log is .*\.log$"):
        engine_files(**arguments(folder), folder=folder)
    assert not [path for path in (folder / ".cache").iterdir() if path.is_dir()]


def test_a_read_only_folder_uses_the_cache_of_the_user(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("hpi_runtime.prepare.cache._writable", lambda path: folder not in path.parents and _make(path))
    place, _, _ = engine_files(**arguments(folder), folder=folder)
    assert place.is_relative_to(tmp_path / "home")
    # And what lies there is found the next time.
    assert engine_files(**arguments(folder), folder=folder)[0] == place


def _make(path: Path) -> bool:
    path.mkdir(parents=True, exist_ok=True)
    return True


def test_the_cache_folder_can_be_chosen(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPI_CACHE_DIR", str(tmp_path / "cache"))
    assert engine_files(**arguments(folder), folder=folder)[0].parent == tmp_path / "cache"
    assert not (folder / ".cache").exists()


def test_the_home_folder_may_be_written_with_a_tilde(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HPI_CACHE_DIR", "~/cache")
    assert engine_files(**arguments(folder), folder=folder)[0].parent == tmp_path / "cache"


def test_several_processes_at_once_build_once(folder: Path) -> None:
    files = {path.name: digest_file(path) for path in folder.iterdir() if path.is_file()}
    command = [sys.executable, "-c", preparing.CODE, *preparing.arguments(STEP, files, folder, "paddle")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    results = [job.communicate() for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 4
    assert len({out for out, _ in results}) == 1
    assert sum("to_onnx" in err for _, err in results) == 1
    assert len(keys(folder / ".cache")) == 1


def test_artefacts_can_be_read_by_everybody_who_can_read_the_folder(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        place, _, _ = engine_files(**arguments(folder), folder=folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    assert stat.S_IMODE((place / "artefact.json").stat().st_mode) == 0o644
