"""What hpi-run and hpi-bench write, and what they never write over."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import cv2
import pytest
from hpi_runtime import load_plan
from hpi_schemas.files import OutputError
from PIL import Image
from support import children_hook
from support.classifying import BIN, picture, records, run

pytestmark = pytest.mark.fault("outputs that would destroy inputs or other people's files")


@pytest.fixture
def folder(classifying: Path) -> Path:
    return classifying


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept(folder: Path, before: dict[str, bytes]) -> None:
    """Everything that was there is as it was."""
    after = contents(folder)
    assert {name: after.get(name) for name in before} == before


def test_drawings_beside_the_pictures_replace_none_of_them(folder: Path) -> None:
    shutil.copy(folder / "pictures/a.png", folder / "pictures/a.jpg")
    before = contents(folder)
    for _ in range(2):
        # The second time, what the first has drawn is no picture to read.
        done = run(folder, "hpi-run", "plan.json", "--input", "pictures", "--output", "pictures", "--save-images")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        kept(folder, before)
    made = {name for name in contents(folder) if name not in before}
    ends = [f"{name}_res.{kind}" for name in ("a.jpg", "a.png", "b.png") for kind in ("json", "png")]
    assert made == {f"pictures/pictures/{end}" for end in ends}


def test_two_runs_with_one_output_keep_the_results_of_both(folder: Path) -> None:
    for name in ("x", "y"):
        picture(folder / name / "p.png", ord(name))
        assert run(folder, "hpi-run", "plan.json", "--input", f"{name}/p.png", "--output", "out").returncode == 0
    written = {json.loads(path.read_text())["input_path"] for path in (folder / "out").rglob("*.json")}
    assert written == {"x/p.png", "y/p.png"}


@pytest.mark.parametrize("way", ["name", "link", "hard link", "way round"])
def test_a_result_that_would_replace_an_input_is_refused_before_anything_runs(folder: Path, way: str) -> None:
    """An input of just the name that the result of another has, by whatever name it is reached."""
    result = folder / "out/pictures/a.png_res.png"
    result.parent.mkdir(parents=True)
    named = {"name": result, "way round": folder / "pictures/../out/pictures/a.png_res.png"}.get(way)
    picture(result if named is not None else folder / "mine.png", 7)
    if named is None:
        named = folder / "mine.png"
        result.hardlink_to(named) if way == "hard link" else result.symlink_to(named)
    before = contents(folder)
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png", "--input", str(named), "--output", "out",
               "--save-images", "--overwrite")  # fmt: skip
    assert done.returncode == 2
    assert "the results of pictures/a.png would be written over" in done.stderr
    assert contents(folder) == before


def test_a_page_whose_result_would_replace_an_input_costs_that_page_alone(folder: Path) -> None:
    page = Image.open(folder / "pictures/a.png")
    page.save(folder / "d.tiff", save_all=True, append_images=[page])
    picture(folder / "out/d.tiff_1_res.png", 3)
    before = contents(folder)
    done = run(folder, "hpi-run", "plan.json", "--input", "d.tiff", "--input", "out/d.tiff_1_res.png",
               "--save-images", "out")  # fmt: skip
    assert done.returncode == 1
    found = records(done)
    assert [record.get("error", {}).get("code") for record in found] == [None, "OUTPUT_REFUSED", None]
    assert "d.tiff_1_res.png would be written over, which this run reads" in found[1]["error"]["message"]
    kept(folder, before)


@pytest.mark.parametrize("victim", ["plan.json", "pictures/a.png", "model/inference.onnx", "model/inference.yml"])
@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_a_record_never_replaces_what_the_run_reads(folder: Path, victim: str, more: list[str]) -> None:
    before = contents(folder)
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png", "--record", victim, *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{victim} would be written over, and this command reads it" in done.stderr
    assert contents(folder) == before


def test_a_record_replaces_an_older_record_and_nothing_else(folder: Path) -> None:
    (folder / "notes.json").write_text('{"mine": true}')
    for name, code in (("run.json", 0), ("run.json", 0), ("notes.json", 2), (".", 2), ("nowhere/run.json", 2)):
        assert run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png", "--record", name).returncode == code
    assert (folder / "notes.json").read_text() == '{"mine": true}'


def test_a_file_that_is_no_result_of_that_input_is_kept_and_the_record_says_so(folder: Path) -> None:
    out = folder / "out/pictures"
    out.mkdir(parents=True)
    # Labels of somebody, a result of another input, and a picture of somebody.
    (out / "a.png_res.json").write_text('{"label": "mine"}')
    foreign = {"input_path": "elsewhere/b.png", "page_index": None, "plan": "sha256:0"}
    (out / "b.png_res.json").write_text(json.dumps(foreign))
    before = contents(folder)
    command = ["hpi-run", "plan.json", "--input", "pictures", "--output", "out"]
    done = run(folder, *command)
    assert done.returncode == 1
    assert [record["error"]["code"] for record in records(done)] == ["OUTPUT_REFUSED"] * 2
    assert "a.png_res.json is there and holds no result of this input" in done.stderr
    kept(folder, before)
    assert run(folder, *command, "--overwrite").returncode == 0
    assert json.loads((out / "a.png_res.json").read_text())["input_path"] == "pictures/a.png"


def test_a_picture_that_is_not_drawn_by_us_is_kept(folder: Path) -> None:
    picture(folder / "out/pictures/a.png_res.png", 5)
    before = contents(folder)
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures", "--save-images", "out")
    assert done.returncode == 1
    assert [("error" in record) for record in records(done)] == [True, False]
    kept(folder, before)
    assert (
        run(folder, "hpi-run", "plan.json", "--input", "pictures", "--save-images", "out", "--overwrite").returncode
        == 0
    )
    assert Image.open(folder / "out/pictures/a.png_res.png").info["hpi-run"]


def test_the_same_run_again_replaces_its_own_results_however_the_inputs_are_named(folder: Path) -> None:
    for name in ("pictures/a.png", "./pictures//a.png"):
        done = run(folder, "hpi-run", "plan.json", "--input", name, "--output", "out", "--save-images", "--quiet")
        assert (done.returncode, done.stderr) == (0, "")
    assert len(list((folder / "out").rglob("*.*"))) == 2


def test_a_failure_is_replaced_by_the_result_once_there_is_one(folder: Path) -> None:
    (folder / "p.png").write_text("not yet")
    assert run(folder, "hpi-run", "plan.json", "--input", "p.png", "--output", "out").returncode == 1
    assert "error" in json.loads((folder / "out/p.png_res.json").read_text())
    picture(folder / "p.png")
    assert run(folder, "hpi-run", "plan.json", "--input", "p.png", "--output", "out").returncode == 0
    assert "error" not in json.loads((folder / "out/p.png_res.json").read_text())


@pytest.mark.parametrize("name", ["...png", "x" * 240 + ".png", "-.png", "a b\n.png", "\udcff.png", "scan_1"])
def test_odd_names_get_results_like_any_other(folder: Path, name: str) -> None:
    shutil.copy(folder / "pictures/a.png", folder / "p")
    (folder / "p").rename(folder / name)
    done = run(folder, "hpi-run", "plan.json", "--input", f"./{name}", "--output", "out", "--save-images", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((folder / "out").iterdir())) == 2


def test_what_stands_in_the_way_of_a_folder_costs_the_inputs_below_it_alone(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/pictures").write_text("a file")
    picture(folder / "more/c.png")
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png", "--input", "more", "--output", "out")
    assert done.returncode == 1
    assert [record["error"]["code"] for record in records(done)] == ["OUTPUT_REFUSED"]
    assert (folder / "out/more/c.png_res.json").is_file()


def test_save_to_in_python_has_paddlexs_names_and_refuses_to_replace_the_input(folder: Path) -> None:
    with load_plan(folder / "plan.json") as pipeline:
        (result,) = pipeline.predict(folder / "pictures/a.png")
        assert result.save_to_json(folder / "out") == folder / "out/a_res.json"
        assert result.save_to_img(folder / "out") == folder / "out/a_res.png"
        assert result.save_to_img(folder / "out/mine.jpg") == folder / "out/mine.jpg"
        before = (folder / "pictures/a.png").read_bytes()
        (folder / "link.png").symlink_to("pictures/a.png")
        for path in ("pictures/a.png", "link.png"):
            with pytest.raises(OutputError, match="would be written over"):
                result.save_to_img(folder / path)
        assert (folder / "pictures/a.png").read_bytes() == before
        array = cv2.imread(str(folder / "pictures/a.png"))
        places = [unnamed.save_to_json(folder / "out") for unnamed in pipeline.predict([array, array])]
        assert len(set(places)) == 2
        assert all(place.is_file() and place.name.startswith("array_") for place in places)


def test_save_to_in_python_replaces_nothing_that_the_call_reads(folder: Path) -> None:
    before = contents(folder)
    a, b = folder / "pictures/a.png", folder / "pictures/b.png"
    with load_plan(folder / "plan.json") as pipeline, b.open("rb") as file:
        for inputs in ([a, b], [str(a), Image.open(b)], [a, file], folder / "pictures"):
            first = next(iter(pipeline.predict(inputs)))
            for path in (b, a):
                with pytest.raises(OutputError, match="would be written over"):
                    first.save_to_img(path)
        # The name that a folder leads to, which is an input too.
        shutil.copy(b, folder / "pictures/a_res.png")
        (first, *_) = pipeline.predict(folder / "pictures")
        with pytest.raises(OutputError, match="would be written over"):
            first.save_to_img(folder / "pictures")
        (folder / "pictures/a_res.png").unlink()
        (result,) = pipeline.predict(a)
        os.link(folder / "model/inference.onnx", folder / "model/model.json")
        for path in (folder / "model/model.json", folder / "plan.json"):
            with pytest.raises(OutputError, match="would be written over"):
                result.save_to_json(path)
        (folder / "model/model.json").unlink()
        # Of inputs that come one by one, those that have not come yet are not known.
        (streamed,) = pipeline.predict(iter([a]))
        with pytest.raises(OutputError, match="would be written over"):
            streamed.save_to_img(a)
        assert pickle.loads(pickle.dumps(streamed)) == streamed
    kept(folder, before)


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_the_list_of_inputs_on_stdin_is_never_replaced(folder: Path, more: list[str]) -> None:
    (folder / "list.json").write_text("pictures/a.png\npictures/b.png\n")
    before = contents(folder)
    with (folder / "list.json").open() as listed:
        arguments = ["plan.json", "--input", "-", "--record", "list.json", *more]
        done = run(folder, "hpi-run", *arguments, stdin=listed)
    assert done.returncode == 2
    assert "this command reads it" in done.stderr
    kept(folder, before)


def test_a_record_of_the_run_never_takes_the_place_of_a_result(folder: Path) -> None:
    arguments = ["plan.json", "--input", "pictures/a.png", "--output", "out", "--record", "out/pictures/a.png_res.json"]
    (folder / "out/pictures").mkdir(parents=True)
    done = run(folder, "hpi-run", *arguments)
    assert done.returncode == 2
    assert "which this run reads or writes" in done.stderr
    assert contents(folder / "out") == {}


def test_a_writer_that_is_killed_leaves_whole_files_or_none(folder: Path) -> None:
    for number in range(300):
        os.link(folder / "pictures/a.png", folder / f"pictures/{number:03}.png")
    for attempt in range(6):
        command = [str(BIN / "hpi-run"), "plan.json", "--input", "pictures", "--output", "out", "--save-images"]
        job = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len(list((folder / "out").rglob("*.json"))) < 10 * (attempt + 1):
            time.sleep(0.005)
        time.sleep(0.003 * attempt)
        job.kill()
        job.wait()
        for path in (folder / "out").rglob("*_res.*"):
            json.loads(path.read_text()) if path.suffix == ".json" else Image.open(path).load()


def test_what_killed_writers_left_is_swept_by_the_next_run_and_no_other_file(folder: Path) -> None:
    run(folder, "hpi-run", "plan.json", "--input", "pictures", "--output", "out")
    place = folder / "out/pictures"
    old, fresh, foreign = (place / name for name in (f".hpi-{'0' * 32}.tmp", f".hpi-{'1' * 32}.tmp", ".mine.tmp"))
    for path in (old, fresh, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (0, 0))
    run(folder, "hpi-run", "plan.json", "--input", "pictures", "--output", "out")
    assert [path.exists() for path in (old, fresh, foreign)] == [False, True, True]


@pytest.mark.parametrize("victim", ["plan.json", "pictures/a.png", "truth.json", "c.json"])
def test_a_profile_and_a_plot_never_replace_what_is_measured(folder: Path, victim: str) -> None:
    (folder / "truth.json").write_text("{}")
    assert run(folder, "hpi-plan", "pipeline.yaml", "--candidates", "c.json").returncode == 0
    before = contents(folder)
    for arguments in (["--candidates", "c.json", "--profile", victim], ["plan.json", "--plot", victim]):
        done = run(folder, "hpi-bench", *arguments, "--input", "pictures", "--truth", "truth.json")
        assert done.returncode == 2
        assert contents(folder) == before


def test_a_plot_replaces_an_older_plot_and_no_other_picture(folder: Path) -> None:
    picture(folder / "mine.png")
    before = (folder / "mine.png").read_bytes()
    command = ["hpi-bench", "plan.json", "--input", "pictures/a.png", "--rounds", "1", "--plot"]
    for name, code in (("plot.svg", 0), ("plot.svg", 0), ("mine.png", 2)):
        assert run(folder, *command, name).returncode == code
    assert (folder / "mine.png").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["hpi-plan", "pipeline.yaml", "--output", "{}"],
        ["hpi-plan", "pipeline.yaml", "--candidates", "{}"],
        ["hpi-plan", "pipeline.yaml", "--stop-after", "read", "--output", "{}"],
        ["hpi-review", "show", "plan.json", "--html", "{}"],
    ],
    ids=lambda arguments: arguments[-2],
)
@pytest.mark.parametrize("victim", ["pipeline.yaml", "pictures/a.png", "notes.html", "model"])
def test_no_command_replaces_what_it_did_not_write(folder: Path, arguments: list[str], victim: str) -> None:
    (folder / "notes.html").write_text("<!doctype html>\n<title>mine</title>")
    before = contents(folder)
    done = run(folder, *[argument.format(victim) for argument in arguments])
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert contents(folder) == before


def test_a_page_of_the_review_replaces_an_older_one(folder: Path) -> None:
    for _ in range(2):
        assert run(folder, "hpi-review", "show", "plan.json", "--html", "plan.html").returncode == 0


def test_a_disk_that_fills_up_ends_the_run_with_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        done = run(folder, "hpi-run", "plan.json", "--input", "pictures", "--output", str(small), "--save-images")
        assert done.returncode == 2
        assert "results cannot be written" in done.stderr
        for path in small.rglob("*_res.*"):
            json.loads(path.read_text()) if path.suffix == ".json" else Image.open(path).load()
        with suppress(OSError):
            (small / "fill").write_bytes(b"x" * 60_000)
        with (small / "plan.json").open("wb") as stream:
            done = run(folder, "hpi-plan", "--get-schema", stdout=stream, stderr=subprocess.PIPE, capture_output=False,
                       env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
        assert done.returncode == 2
        assert "No space left" in done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(("by", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_has_written_whole_results(folder: Path, by: signal.Signals, expected: int) -> None:
    for number in range(2000):
        os.link(folder / "pictures/a.png", folder / f"pictures/{number:04}.png")
    command = [str(BIN / "hpi-run"), "plan.json", "--input", "pictures", "--output", "out"]
    job = subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, preexec_fn=children_hook.interruptible
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not list((folder / "out").rglob("*.json")):
        time.sleep(0.01)
    job.send_signal(by)
    _, errors = job.communicate(timeout=20)
    assert job.returncode == expected
    assert "interrupted; what was finished is written" in errors
    assert "Traceback" not in errors
    found = list((folder / "out").rglob("*.json"))
    assert 0 < len(found) < 2002
    for path in found:
        json.loads(path.read_text())


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://u:p@h/x.png?token=s", "https://h/x.png"),
        ("https://u:pa/ss@h/x.png", "https://h/x.png"),
        ("https:///u:p@h/x.png", "https://h/x.png"),
        (" s3://AK:SK@bucket/x.png;token=s", "s3://bucket/x.png"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_record_names_urls_without_credentials(url: str, told: str) -> None:
    from hpi_runtime.errors import InputError
    from hpi_runtime.results.failures import failed
    from hpi_runtime.run.record import Recorder

    recorder = Recorder()
    recorder.saw(failed(url, None, InputError("INPUT_UNREADABLE", "x"), "sha256:" + "0" * 64))
    assert [item.name for item in recorder._inputs.values()] == [told]


@pytest.mark.parametrize("option", ["--output", "--save-images"])
@pytest.mark.parametrize("name", ["s3://bucket/out", "file:///tmp/out"])
def test_the_name_of_a_store_is_no_folder_of_results(folder: Path, option: str, name: str) -> None:
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures", option, name)
    assert done.returncode == 2
    assert "only folders of this machine are written to" in done.stderr
    assert not list(folder.glob("*:"))
