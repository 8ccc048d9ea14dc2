"""Depots: machines without models fetch what the plan names, compare it, and keep it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import load_plan
from hpi_runtime.errors import PlanError
from support.classifying import BIN, change, lay_out, records, run
from support.stores import BUCKET, client, imitated_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with imitated_s3() as environment:
        yield environment


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan whose models lie beside it, and the depot that they were put into."""
    folder = tmp_path_factory.mktemp("made")
    lay_out(folder)
    done = run(folder, "hpi-bundle", "put", "plan.json", "--depot", "depot")
    assert done.returncode == 0, done.stderr
    assert "files sent" in done.stderr
    return folder


@pytest.fixture
def far(made: Path, tmp_path: Path) -> Path:
    """Another machine: the plan and the pictures alone."""
    shutil.copy(made / "plan.json", tmp_path)
    shutil.copytree(made / "pictures", tmp_path / "pictures")
    return tmp_path


@pytest.fixture
def depot(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "depot", tmp_path / "depot"))


def asked(far: Path, depot: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HPI_CACHE_DIR": str(far / "cache"), "HPI_DEPOT": str(depot), **more}
    return run(far, "hpi-run", "plan.json", "--input", "pictures", env=env)


def test_a_machine_without_models_fetches_them_and_answers_alike(made: Path, far: Path, depot: Path) -> None:
    expected = records(run(made, "hpi-run", "plan.json", "--input", "pictures"))
    done = asked(far, depot)
    assert done.returncode == 0, done.stderr
    assert [item["label_names"] for item in records(done)] == [item["label_names"] for item in expected]
    assert "fetching" in done.stderr
    shutil.rmtree(depot)
    again = asked(far, depot)
    assert (again.returncode, "fetching" in again.stderr) == (0, False)
    assert again.stdout == done.stdout


def test_where_the_models_are_nothing_is_fetched(made: Path, tmp_path: Path) -> None:
    done = run(
        made,
        *("hpi-run", "plan.json", "--input", "pictures"),
        env={**os.environ, "HPI_DEPOT": str(tmp_path / "nowhere"), "HPI_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "cache").exists()


def test_without_a_depot_the_missing_model_is_told_as_ever(far: Path) -> None:
    done = asked(far, "")
    assert done.returncode == 3
    assert "was not found" in done.stderr


def test_a_depot_without_the_plan_says_how_to_put_it_there(far: Path, tmp_path: Path) -> None:
    done = asked(far, tmp_path / "empty")
    assert done.returncode == 2
    assert "does not have the plan sha256:" in done.stderr and "hpi-bundle put" in done.stderr


def largest(depot: Path) -> Path:
    return max((depot / "files").iterdir(), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("harm", ["flipped", "missing", "cut"])
def test_a_damaged_file_is_named_and_nothing_is_kept(far: Path, depot: Path, harm: str) -> None:
    path = largest(depot)
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    else:
        data[100] ^= 1
        path.write_bytes(data if harm == "flipped" else data[:-1])
    done = asked(far, depot)
    assert done.returncode == 2
    assert path.name in done.stderr
    assert not list((far / "cache/bundles").glob("*/bundle.json"))
    assert not [item for item in (far / "cache/bundles").rglob("*") if "begun" in item.name]


@pytest.mark.parametrize(
    ("change_index", "said"),
    [
        (lambda index: index.update(plan="sha256:" + "0" * 64), "names no plan.json"),
        (lambda index: index["files"].update({"../x": index["files"]["plan.json"]}), "is no file of a bundle"),
        (lambda index: index["files"].pop("files/model/inference.onnx"), "has other files than those of the plan"),
        (lambda index: index.clear(), "is not valid"),
    ],
)
def test_an_index_that_does_not_fit_the_plan_is_refused(far: Path, depot: Path, change_index: Any, said: str) -> None:
    (path,) = (depot / "plans").iterdir()
    index = json.loads(path.read_text())
    change_index(index)
    path.write_text(json.dumps(index))
    done = asked(far, depot)
    assert done.returncode == 2
    assert said in done.stderr


def test_another_model_under_the_plans_name_is_refused_before_anything_is_fetched(far: Path, depot: Path) -> None:
    (path,) = (depot / "plans").iterdir()
    index = json.loads(path.read_text())
    index["files"]["files/model/inference.onnx"] = index["files"]["requirements.txt"]
    path.write_text(json.dumps(index))
    done = asked(far, depot)
    assert "has other files than those of the plan: files/model/inference.onnx" in done.stderr
    assert not (far / "cache/bundles/files").exists()


def test_plans_share_their_files_there_and_here(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other)
    change(other / "plan.json", 2, "modules", "SubModules.ImageClassification", "batch_size")
    done = run(other, "hpi-bundle", "put", "plan.json", "--depot", "depot")
    assert done.returncode == 0, done.stderr
    assert "1 of " in done.stderr
    far = tmp_path / "far"
    far.mkdir()
    shutil.copytree(made / "pictures", far / "pictures")
    for folder in (made, other):
        shutil.copy(folder / "plan.json", far)
        assert asked(far, other / "depot").returncode == 0
    kept = [path for path in (far / "cache/bundles").iterdir() if (path / "bundle.json").is_file()]
    models = {(path / "files/model/inference.onnx").stat().st_ino for path in kept}
    assert (len(kept), len(models)) == (2, 1)


def test_a_kept_file_that_was_changed_is_fetched_again_for_the_next_plan(made: Path, far: Path, depot: Path) -> None:
    assert asked(far, depot).returncode == 0
    home = far / "cache/bundles"
    largest(home).write_bytes(b"changed")
    (folder,) = (path for path in home.iterdir() if (path / "bundle.json").is_file())
    shutil.rmtree(folder)
    assert asked(far, depot).returncode == 0


def test_a_damaged_depot_is_mended_by_putting_the_plan_again(made: Path, far: Path, depot: Path) -> None:
    path = largest(depot)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    for more, code in ((), 2), (("--again",), 0):
        done = run(made, "hpi-bundle", "put", "plan.json", "--depot", str(depot), *more)
        assert done.returncode == 0, done.stderr
        assert asked(far, depot).returncode == code


def test_what_another_machine_has_prepared_for_the_plan_stays(made: Path, depot: Path) -> None:
    (index,) = (depot / "plans").iterdir()
    told = json.loads(index.read_text())
    other = "files/model/.cache/0123456789abcdef01234567/engine"
    told["files"][other] = {"digest": "sha256:" + "1" * 64, "size": 1}
    told["artefacts"] = ["0123456789abcdef01234567"]
    index.write_text(json.dumps(told))
    done = run(made, "hpi-bundle", "put", "plan.json", "--depot", str(depot), "--no-artefacts")
    assert done.returncode == 0, done.stderr
    assert json.loads(index.read_text()) == told


def test_a_depot_is_no_source_of_what_is_put_into_it(far: Path, depot: Path) -> None:
    done = run(far, "hpi-bundle", "put", "plan.json", env={**os.environ, "HPI_DEPOT": str(depot)})
    assert done.returncode in (2, 3)
    assert "was not found" in done.stderr
    assert "hpi-bundle put" not in done.stderr


@pytest.mark.parametrize("address", ["~nobody-here/depot", "s3://", "s3://a::b/c"])
def test_an_address_that_is_none_is_said(far: Path, address: str) -> None:
    done = asked(far, address)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert address in done.stderr


def test_files_that_are_here_already_need_no_room(far: Path, depot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(far, depot).returncode == 0
    home = far / "cache/bundles"
    (folder,) = (path for path in home.iterdir() if (path / "bundle.json").is_file())
    shutil.rmtree(folder)
    monkeypatch.setenv("HPI_CACHE_DIR", str(far / "cache"))
    monkeypatch.setenv("HPI_DEPOT", str(depot))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 0))
    load_plan(far / "plan.json").close()
    shutil.rmtree(folder)
    largest(home).unlink()
    with pytest.raises(PlanError, match="has room for 0 bytes"):
        load_plan(far / "plan.json")


def test_what_a_killed_worker_began_is_swept_after_a_day(far: Path, depot: Path) -> None:
    files = far / "cache/bundles/files"
    files.mkdir(parents=True)
    old, new = files / ".a.begun-1", files / ".b.begun-2"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (0, 0))
    assert asked(far, depot).returncode == 0
    assert [path.name for path in files.iterdir() if "begun" in path.name] == [new.name]


def test_two_workers_fetch_at_once(far: Path, depot: Path) -> None:
    env = {**os.environ, "HPI_CACHE_DIR": str(far / "cache"), "HPI_DEPOT": str(depot)}
    command = [str(BIN / "hpi-run"), "plan.json", "--input", "pictures", "--quiet"]
    workers = [subprocess.Popen(command, cwd=far, env=env, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {worker.communicate(timeout=100)[0] for worker in workers}
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(answers) == 1


def test_a_program_takes_the_depot_too(far: Path, depot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPI_CACHE_DIR", str(far / "cache"))
    monkeypatch.setenv("HPI_DEPOT", str(depot))
    with load_plan(far / "plan.json") as pipeline:
        assert not any(item.is_failed for item in pipeline.predict(str(far / "pictures")))
    monkeypatch.setenv("HPI_DEPOT", "s3://")
    (far / "cache").rename(far / "other")
    with pytest.raises(PlanError, match="is no name of an object"):
        load_plan(far / "plan.json")


@pytest.mark.slow
def test_a_depot_may_be_a_bucket(made: Path, far: Path, s3: dict[str, str]) -> None:
    address = f"s3://{BUCKET}/depot"
    for count in ("4 of 4", "0 of 4"):
        done = run(made, "hpi-bundle", "put", "plan.json", "--depot", address, env={**os.environ, **s3})
        assert done.returncode == 0, done.stderr
        assert f"{count} files sent" in done.stderr
    done = asked(far, address, **s3)
    assert done.returncode == 0, done.stderr
    expected = records(run(made, "hpi-run", "plan.json", "--input", "pictures"))
    assert [item["label_names"] for item in records(done)] == [item["label_names"] for item in expected]
    keys = [item["Key"] for item in client(s3).list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert sorted(key.rpartition("/")[0] for key in keys) == ["depot/files"] * 4 + ["depot/plans"]


def test_a_depot_that_cannot_be_written_is_said(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(made, "hpi-bundle", "put", "plan.json", "--depot", str(tmp_path / "file"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "cannot be" in done.stderr
    done = run(made, "hpi-bundle", "put", "plan.json", env={**os.environ, "HPI_DEPOT": ""})
    assert "name the depot with --depot, or in HPI_DEPOT" in done.stderr
