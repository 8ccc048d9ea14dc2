"""Bundles: the same answers anywhere, the same bytes of the same files, and no byte changed in silence."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import create_pipeline, load_plan
from hpi_runtime.bundle import archive, opening, packages
from hpi_runtime.errors import PlanError
from hpi_schemas import bundle
from hypothesis import given
from hypothesis import strategies as st
from support import children_hook
from support.classifying import BIN, PIPELINE, lay_out, records, run

ALONE = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
MODEL = "files/model/inference.onnx"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan, and its bundle in both forms."""
    folder = tmp_path_factory.mktemp("made")
    lay_out(folder)
    for name in ("b.tar", "b.tar.zst"):
        done = run(folder, "hpi-bundle", "make", "plan.json", "--output", name)
        assert done.returncode == 0, done.stderr
    return folder


def home(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "HPI_CACHE_DIR": str(folder / "cache"), **more}


@pytest.mark.parametrize("name", ["b.tar", "b.tar.zst"])
def test_a_bundle_gives_the_plans_answers_wherever_it_lies(made: Path, tmp_path: Path, name: str) -> None:
    expected = records(run(made, "hpi-run", "plan.json", "--input", "pictures"))
    shutil.copy(made / name, tmp_path / "far.away")
    for _ in range(2):
        done = run(tmp_path, "hpi-run", "far.away", "--input", str(made / "pictures"), env=home(tmp_path))
        assert done.returncode == 0, done.stderr
        for own, other in zip(records(done), expected, strict=True):
            assert own["label_names"] == other["label_names"]
            assert own["plan"] == other["plan"]
    assert len([path for path in (tmp_path / "cache/bundles").iterdir() if path.is_dir()]) == 1


def test_an_unpacked_bundle_runs_too_and_from_python(made: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "hpi-bundle", "unpack", str(made / "b.tar"), "there").returncode == 0
    with load_plan(tmp_path / "there") as loaded:
        found = [result["label_names"] for result in loaded.predict(str(made / "pictures"))]
    assert found == [item["label_names"] for item in records(run(made, "hpi-run", "plan.json", "--input", "pictures"))]
    done = run(tmp_path, "hpi-bundle", "unpack", str(made / "b.tar"), "there")
    assert (done.returncode, "there is there already" in done.stderr) == (2, True)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_what_was_unpacked_for_a_process_alone_goes_with_it_whoever_ends_it(
    made: Path, tmp_path: Path, by: signal.Signals
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "file").write_text("")
    env = {**os.environ, "TMPDIR": str(tmp_path / "own"), "HPI_CACHE_DIR": str(tmp_path / "file")}
    command = [str(BIN / "hpi-run"), str(made / "b.tar"), "--input", "-"]
    job = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=subprocess.PIPE, text=True, preexec_fn=children_hook.interruptible
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not list((tmp_path / "own").glob("hpi-bundle-*/*/bundle.json")):
        time.sleep(0.01)
    job.send_signal(by)
    job.communicate(timeout=20)
    assert job.returncode == 128 + by
    assert not list((tmp_path / "own").iterdir())


@pytest.mark.skipif(not ALONE, reason="no network of its own can be had here")
def test_it_runs_without_a_network_a_home_and_a_cache(made: Path, tmp_path: Path) -> None:
    shutil.copy(made / "b.tar.zst", tmp_path)
    own = tmp_path.with_name(f"{tmp_path.name}-tmp")
    own.mkdir()
    nothing = (f"HOME={tmp_path}/none", "XDG_CACHE_HOME=/proc/none", f"TMPDIR={own}")
    command = ["unshare", "-rn", "env", "-i", *nothing]
    line = [*command, str(BIN / "hpi-run"), "b.tar.zst", "--input", str(made / "pictures/a.png")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label_names"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar.zst"]
    assert list(own.iterdir()) == []


def test_the_same_files_make_the_same_bytes(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "other")
    for path in (tmp_path / "other").rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    done = run(tmp_path, "hpi-bundle", "make", "other/plan.json", "--output", "b.tar")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.tar").read_bytes() == (made / "b.tar").read_bytes()


@pytest.mark.parametrize("name", ["b.tar", "b.tar.zst"])
def test_one_flipped_byte_is_noticed_and_the_file_named(made: Path, tmp_path: Path, name: str) -> None:
    whole = (made / name).read_bytes()
    manifest = opening.check(made / name)
    damaged = tmp_path / name
    for place in random.Random(5).sample(range(len(whole)), 25):
        changed = bytearray(whole)
        changed[place] ^= 0x40
        damaged.write_bytes(changed)
        try:
            found = opening.check(damaged)
        except PlanError as fault:
            said = str(fault)
            assert said.startswith(f"{damaged}")
            assert any(file in said for file in [*manifest.files, "bundle.json", "its beginning", "holds"]), said
        else:
            # Padding between files, and times and owners that nobody reads.
            assert found == manifest


def test_a_bundle_that_is_cut_off_is_refused_and_leaves_nothing(made: Path, tmp_path: Path) -> None:
    for name in ("b.tar", "b.tar.zst"):
        data = (made / name).read_bytes()
        # What is behind the last file is padding.
        last = data.rfind(b"pyclipper") if name == "b.tar" else len(data) - 40
        for part in (0, 20, 600, len(data) // 2, last):
            (tmp_path / name).write_bytes(data[:part])
            done = run(tmp_path, "hpi-bundle", "unpack", name, "there")
            assert done.returncode == 2, (part, done.stderr)
            assert "Traceback" not in done.stderr
            assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("b.tar")) == []


def _archive(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], listed: dict[str, bytes]) -> None:
    """Write an archive whose manifest lists some files beside a plan."""
    listed = {"plan.json": b"{}", **listed}
    digests = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in listed.items()}
    files = {name: {"digest": digests[name], "size": len(data)} for name, data in listed.items()}
    told: dict[str, Any] = {"artefacts": [], "files": files, "format": "1.0", "root": "files", "versions": {}}
    told["plan"] = files["plan.json"]["digest"]
    data = json.dumps(told).encode()
    with tarfile.open(path, "w") as opened:
        for item, content in [(tarfile.TarInfo("bundle.json"), data), (tarfile.TarInfo("plan.json"), b"{}"), *members]:
            item.size = item.size or (len(content) if item.isreg() else 0)
            opened.addfile(item, io.BytesIO(content))


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    item.type, item.linkname = kind, link
    return item


HOSTILE: dict[str, tuple[tarfile.TarInfo, bytes, bool, str]] = {
    "a path that leads up": (_member("../out"), b"x", True, "which is no file of a bundle"),
    "an absolute path": (_member("/tmp/out-of-bundle"), b"x", True, "which is no file of a bundle"),
    "a path with a way up inside": (_member("files/../../out"), b"x", True, "which is no file of a bundle"),
    "a file that is not listed": (_member("more"), b"x", False, "holds 'more'"),
    "a link": (_member("files/a", tarfile.SYMTYPE, "/etc/passwd"), b"", True, "holds 'files/a'"),
    "a hard link": (_member("files/a", tarfile.LNKTYPE, "plan.json"), b"", True, "holds 'files/a'"),
    "a device": (_member("files/a", tarfile.CHRTYPE), b"", True, "holds 'files/a'"),
    "a folder": (_member("files/a", tarfile.DIRTYPE), b"", True, "holds 'files/a'"),
    "the manifest again": (_member("bundle.json"), b"{}", True, "which is no file of a bundle"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_leads_elsewhere_is_refused(tmp_path: Path, kind: str) -> None:
    member, content, is_listed, told = HOSTILE[kind]
    path = tmp_path / "bad.tar"
    _archive(path, [(member, content)], {member.name: content} if is_listed else {})
    with pytest.raises(PlanError) as found:
        opening.unpack(path, tmp_path / "there")
    assert told in str(found.value)
    assert [item.name for item in tmp_path.iterdir()] == ["bad.tar"]


def test_the_same_file_twice_and_one_that_is_missing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.tar"
    _archive(path, [(_member("a"), b"x"), (_member("a"), b"x")], {"a": b"x"})
    with pytest.raises(PlanError, match="holds 'a'"):
        opening.check(path)
    _archive(path, [], {"a": b"x"})
    with pytest.raises(PlanError, match="lacks a"):
        opening.check(path)


VALUES = st.none() | st.integers() | st.text(max_size=9)


@given(st.recursive(VALUES, lambda one: st.dictionaries(st.text(max_size=9), one)))
def test_any_manifest_is_read_or_refused(value: Any) -> None:
    with pytest.raises(bundle.BundleError):
        bundle.read(json.dumps(value).encode())


@given(st.lists(st.sampled_from(["a", "b/c", "../a", "../../x/y", "a/../../b", ".", "store:M", "./a"]), min_size=1))
def test_every_folder_of_a_plan_lies_below_the_bundle_and_no_two_are_one(references: list[str]) -> None:
    root = bundle.root(references)
    places = {reference: bundle.place(reference, root) for reference in references}
    for reference, place in places.items():
        if not reference.startswith("store:"):
            assert os.path.normpath(f"/{root}/{reference}") == f"/{place}"
        assert place and not place.startswith((".", "/"))


def test_models_elsewhere_and_of_the_store_go_along(tmp_path: Path) -> None:
    for folder in ("here", "zoo"):
        (tmp_path / folder).mkdir()
    lay_out(tmp_path / "here")
    (tmp_path / "here/model").rename(tmp_path / "away")
    text = PIPELINE.replace("model_dir: model,", "model_dir: ../away,")
    (tmp_path / "here/pipeline.yaml").write_text(text)
    made = run(tmp_path, "hpi-plan", "here/pipeline.yaml", "--device", "cpu", "--output", "here/plan.json")
    assert made.returncode == 0, made.stderr
    assert run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "b.tar").returncode == 0
    (tmp_path / "away").rename(tmp_path / "gone")
    done = run(tmp_path, "hpi-run", "b.tar", "--input", "here/pictures", env=home(tmp_path))
    assert (done.returncode, len(records(done))) == (0, 2)


def test_what_is_prepared_goes_along_and_is_not_made_again(tmp_path: Path) -> None:
    lay_out(tmp_path)
    planned = ["pipeline.yaml", "--device", "cpu", "--optimize", "cold", "--output", "plan.json"]
    assert run(tmp_path, "hpi-plan", *planned).returncode == 0
    done = run(tmp_path, "hpi-bundle", "make", "plan.json", "--output", "b.tar.zst")
    assert done.returncode == 0, done.stderr
    manifest = opening.check(tmp_path / "b.tar.zst")
    assert manifest.artefacts and f"{len(manifest.artefacts)} prepared" in done.stderr
    for folder in list(tmp_path.rglob(".cache")):
        shutil.rmtree(folder)
    found = run(tmp_path, "hpi-run", "b.tar.zst", "--prepare-only", env=home(tmp_path))
    assert found.returncode == 0, found.stderr
    made = [path for path in (tmp_path / "cache").iterdir() if path.name != "bundles"]
    assert made == []
    without = run(tmp_path, "hpi-bundle", "make", "plan.json", "--output", "less.tar", "--no-artefacts")
    assert (without.returncode, opening.check(tmp_path / "less.tar").artefacts) == (0, [])


def test_a_model_that_is_not_the_plans_is_not_bundled(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "here")
    model = tmp_path / "here/model/inference.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    for more in ((), ("--no-artefacts",)):
        done = run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "b.tar", *more)
        assert done.returncode in (2, 3)
        assert "inference.onnx" in done.stderr
        assert not (tmp_path / "b.tar").exists()


def test_what_is_no_bundle_is_not_written_over_and_nothing_that_is_read(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "here")
    (tmp_path / "mine.tar").write_text("mine")
    done = run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "mine.tar")
    assert (done.returncode, (tmp_path / "mine.tar").read_text()) == (2, "mine")
    done = run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "plan.json")
    assert (done.returncode, "must end with .tar or .tar.zst" in done.stderr) == (2, True)
    assert run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "here/b.tar").returncode == 0


def test_show_lists_files_and_packages_and_check_says_damage(made: Path, tmp_path: Path) -> None:
    done = run(made, "hpi-bundle", "show", "b.tar.zst")
    assert done.returncode == 0
    assert MODEL in done.stdout and "onnxruntime" in done.stdout
    data = bytearray((made / "b.tar").read_bytes())
    data[data.index(b"pipeline_name") if b"pipeline_name" in data else len(data) // 2] ^= 1
    (tmp_path / "bad.tar").write_bytes(data)
    done = run(tmp_path, "hpi-bundle", "check", "bad.tar")
    assert (done.returncode, "bad.tar is damaged: " in done.stderr) == (1, True)
    assert run(tmp_path, "hpi-bundle", "check", "none.tar").returncode == 2
    assert run(made, "hpi-bundle", "check", "plan.json").returncode == 2


def test_only_another_bundle_is_written_over(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "here")
    with tarfile.open(tmp_path / "backup.tar", "w") as opened:
        opened.add(made / "pipeline.yaml", "pipeline.yaml")
    before = (tmp_path / "backup.tar").read_bytes()
    (tmp_path / "link.tar").symlink_to(tmp_path / "here/pipeline.yaml")
    for name in ("backup.tar", "link.tar"):
        done = run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", name)
        assert done.returncode == 2, name
    assert (tmp_path / "backup.tar").read_bytes() == before
    assert (tmp_path / "here/pipeline.yaml").read_text() == PIPELINE
    for _ in range(2):
        assert run(tmp_path, "hpi-bundle", "make", "here/plan.json", "--output", "mine.tar").returncode == 0
    assert [path.name for path in tmp_path.iterdir() if ".begun" in path.name] == []


def test_a_place_where_unpacking_ended_early_is_unpacked_again(made: Path, tmp_path: Path) -> None:
    name = hashlib.sha256((made / "b.tar").read_bytes()).hexdigest()
    home_folder = tmp_path / "cache/bundles"
    (home_folder / name / "files").mkdir(parents=True)
    (home_folder / f".{name}.begun-1234/files").mkdir(parents=True)
    done = run(tmp_path, "hpi-run", str(made / "b.tar"), "--prepare-only", env=home(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in home_folder.iterdir()) == [name, f"{name}.lock"]


def test_many_first_runs_at_a_time_unpack_it_once(made: Path, tmp_path: Path) -> None:
    command = [str(BIN / "hpi-run"), str(made / "b.tar.zst"), "--input", str(made / "pictures/a.png")]
    running = [subprocess.Popen(command, env=home(tmp_path), stdout=subprocess.PIPE) for _ in range(4)]
    said = {one.communicate()[0] for one in running}
    assert [one.returncode for one in running] == [0] * 4
    assert len(said) == 1


def test_a_folder_whose_plan_is_another_one_is_refused_and_check_finds_whatever_changed(
    made: Path, tmp_path: Path
) -> None:
    assert run(tmp_path, "hpi-bundle", "unpack", str(made / "b.tar"), "there").returncode == 0
    assert run(tmp_path, "hpi-bundle", "check", "there").returncode == 0
    model = tmp_path / "there" / MODEL
    model.write_bytes(model.read_bytes() + b"\0")
    done = run(tmp_path, "hpi-bundle", "check", "there")
    assert (done.returncode, f"there is damaged: {MODEL}" in done.stderr) == (1, True)
    plan = tmp_path / "there/plan.json"
    plan.write_text(plan.read_text().replace('"topk": 2', '"topk": 1'))
    done = run(tmp_path, "hpi-run", "there", "--prepare-only")
    assert (done.returncode, "is not the plan of the bundle" in done.stderr) == (2, True)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_is_longer_than_those_of_bundles_is_not_read(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 1 << 30
    path = tmp_path / "bomb.tar"
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20))
    with pytest.raises(PlanError, match="a header is longer than those of bundles"):
        opening.check(path)


def test_a_bundle_that_has_no_room_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "large.tar"
    _archive(path, [], {"a": b"x"})
    data = path.read_bytes().replace(b'"size": 1}', b'"size": 1' + b"0" * 12 + b"}")
    with tarfile.open(path, "w") as opened:
        text = data[512 : data.index(b"}}, ") + 2]
        end = data.index(b"\0", 512)
        item = tarfile.TarInfo("bundle.json")
        item.size = end - 512
        assert text
        opened.addfile(item, io.BytesIO(data[512:end]))
    with pytest.raises(PlanError, match=r"has room for [0-9,]+ bytes, and this takes 1,000,000,000,0"):
        opening.unpack(path, tmp_path / "there")


# -- packages ------------------------------------------------------------------------------------


def test_a_lock_gives_the_hashes_of_what_is_installed(made: Path, tmp_path: Path) -> None:
    wanted = {name: version for name, version in packages.versions({"run", "cpu"}).items() if name != "hpi-plan"}
    lines = [f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}  # via x" for name, version in wanted.items()]
    head = ["--index-url https://x", "# made by y", "other==1 --hash=sha256:0"]
    (tmp_path / "lock.txt").write_text("\n".join([*head, *lines]))
    done = run(tmp_path, "hpi-bundle", "make", str(made / "plan.json"), "--output", "b.tar", "--lock", "lock.txt")
    assert done.returncode == 0, done.stderr
    with archive.reading(tmp_path / "b.tar") as opened:
        text = next(opened.extractfile(item).read().decode() for item in opened if item.name == bundle.LOCK)  # type: ignore[union-attr]
    assert text.count("--hash=sha256:") == len(wanted)
    assert "other" not in text
    (tmp_path / "lock.txt").write_text("\n".join(lines[1:]))
    done = run(tmp_path, "hpi-bundle", "make", str(made / "plan.json"), "--output", "c.tar", "--lock", "lock.txt")
    assert (done.returncode, f"what is installed: {next(iter(wanted))}==" in done.stderr) == (2, True)
    assert not (tmp_path / "c.tar").exists()


def test_versions_are_those_of_what_a_plan_runs_with() -> None:
    found = packages.versions({"run", "cpu"})
    assert {"hpi-plan", "numpy", "onnxruntime", "openvino", "jsonschema"} <= set(found)
    assert not {"pytest", "nncf", "paddlepaddle"} & set(found)
    assert list(found) == sorted(found)


def test_a_bundle_is_taken_by_python_where_a_yaml_is_not_asked_for(made: Path) -> None:
    with pytest.raises(PlanError):
        create_pipeline(made / "b.tar", device="cpu")
