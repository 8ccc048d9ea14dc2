"""Whatever lies in a cache of prepared artefacts, a run makes what it needs and writes nowhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime.prepare import engine_files
from hpi_runtime.prepare.cache import KEY_LENGTH
from hpi_schemas.canonical import digest_file
from hpi_schemas.device import CPU
from support import records, tiny_models

STEP = {"options": {}, "produces": "inference.onnx", "step": "to_fp16", "tool": "onnxconverter-common"}
WHOLE = {"found": {}, "step": STEP}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a cache in it, in which one artefact is whole."""
    folder = tmp_path_factory.mktemp("cache") / "model"
    tiny_models.onnx_model(folder, "float32")
    prepare(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


def prepare(folder: Path) -> Path:
    files = {"inference.onnx": digest_file(folder / "inference.onnx")}
    return engine_files(records.model(files), records.engine(STEP), folder, CPU).folder


def key(folder: Path) -> str:
    (found,) = (path.name for path in (folder / ".cache").iterdir() if len(path.name) == KEY_LENGTH)
    return found


def lies(place: Path, kind: str) -> None:
    """Put something into a place where there was something else."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    victim = place.parents[2] / "victim"
    if kind == "file":
        place.write_text("not yours")
    elif kind == "folder":
        (place / "inner").mkdir(parents=True)
    elif kind == "link to a file":
        place.symlink_to(victim)
    elif kind == "link to a folder":
        (place.parents[2] / "elsewhere").mkdir(exist_ok=True)
        place.symlink_to(place.parents[2] / "elsewhere")
    elif kind == "broken link":
        place.symlink_to("nowhere")
    elif kind == "link to itself":
        place.symlink_to(place.name)


KINDS = ["file", "folder", "link to a file", "link to a folder", "broken link", "link to itself"]


@pytest.mark.fault("caches in which something else lies")
@pytest.mark.parametrize("name", ["{}", "{}.log", "{}.lock"])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_lies_in_the_place_of_an_artefact_its_log_or_its_lock_is_moved_aside(
    folder: Path, name: str, kind: str
) -> None:
    (folder.parent / "victim").write_text("precious")
    own = key(folder)
    if name != "{}":
        # The artefact itself has to be made again, or nobody looks at its log and lock.
        shutil.rmtree(folder / ".cache" / own)
    lies(folder / ".cache" / name.format(own), kind)
    place = prepare(folder)
    assert place == folder / ".cache" / own
    assert (place / "inference.onnx").is_file() and not place.is_symlink()
    assert (folder.parent / "victim").read_text() == "precious"
    elsewhere = folder.parent / "elsewhere"
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


RECORDS: list[Any] = [
    "",
    "null",
    "[]",
    "{}",
    '{"files": {}}',
    "1" * 5000,
    '"\\ud800"',
    "[" * 100_000,
    {**WHOLE, "files": {}},
    {**WHOLE, "files": []},
    {**WHOLE, "files": {"inference.onnx": 3}},
    {**WHOLE, "files": {"inference.onnx": None}},
    {**WHOLE, "files": {"../../../victim": "sha256:0"}},
    {**WHOLE, "files": {"/etc/passwd": "sha256:0"}},
    {**WHOLE, "files": {"a\0b": "sha256:0"}},
    {**WHOLE, "files": {"x" * 5000: "sha256:0"}},
    {**WHOLE, "files": {"inference.onnx": "sha256:0"}},
    {"files": {"inference.onnx": "sha256:0"}, "found": 3, "step": "x"},
]


@pytest.mark.fault("caches in which something else lies")
@pytest.mark.parametrize("record", RECORDS, ids=range(len(RECORDS)))
def test_an_artefact_with_an_odd_record_is_made_again(folder: Path, record: Any) -> None:
    place = folder / ".cache" / key(folder)
    (place / "artefact.json").write_text(record if isinstance(record, str) else json.dumps(record))
    assert prepare(folder) == place
    assert json.loads((place / "artefact.json").read_text())["files"] == {
        "inference.onnx": digest_file(place / "inference.onnx")
    }
    assert list((folder / ".cache").glob("*.damaged-*"))


@pytest.mark.fault("caches in which something else lies")
@pytest.mark.parametrize("kind", KINDS)
def test_hpi_cache_lists_and_verifies_whatever_lies_there(folder: Path, kind: str) -> None:
    (folder.parent / "victim").write_text("precious")
    lies(folder / ".cache" / key(folder), kind)
    (folder / ".cache" / "\x1b[31m\n").write_text("odd")
    for command, code in (("list", 0), ("verify", 1)):
        line = [str(Path(sys.executable).parent / "hpi-cache"), command, "--models", str(folder.parent)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout


@pytest.mark.fault("environments that lack something")
@pytest.mark.parametrize("value", ["~nosuchuser/x", "/proc/nowhere", "/dev/null/x"])
def test_a_cache_folder_that_cannot_be_is_said_by_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    from hpi_runtime.errors import PrepareError

    shutil.rmtree(folder / ".cache")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HPI_CACHE_DIR", value)
    with pytest.raises(PrepareError, match="HPI_CACHE_DIR"):
        prepare(folder)
