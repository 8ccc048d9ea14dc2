"""Results in parts: whole or not at all, the same rows however often somebody starts again, each input once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from support.classifying import BIN, lay_out, picture, run

INPUTS = 23


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan that takes four pictures at a time, and pictures, one of which is none."""
    made = tmp_path_factory.mktemp("parts")
    lay_out(made)
    shutil.rmtree(made / "pictures")
    text = (made / "plan.json").read_text().replace('"batch_size": 1', '"batch_size": 4')
    (made / "plan.json").write_text(text)
    for number in range(INPUTS):
        picture(made / f"pictures/{number:02d}.png", number)
    (made / "pictures/07.png").write_text("no picture")
    return made


@pytest.fixture
def folder(place: Path, tmp_path: Path) -> Path:
    for item in place.iterdir():
        (tmp_path / item.name).symlink_to(item)
    return tmp_path


def parts(folder: Path, *arguments: str, form: str = "jsonl", **options: Any) -> subprocess.CompletedProcess[str]:
    given = ["--input", "pictures", "--output", "out", "--output-format", form, "--part-size", "5"]
    return run(folder, "hpi-run", "plan.json", *given, *arguments, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir() if not path.name.startswith(".")}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for _, data in sorted(contents(folder).items()) for line in data.splitlines()]


@pytest.fixture(scope="module")
def expected(place: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = tmp_path_factory.mktemp("expected")
    for item in place.iterdir():
        (made / item.name).symlink_to(item)
    parts(made)
    return contents(made)


def test_every_input_has_a_row_in_the_order_of_the_inputs(folder: Path) -> None:
    done = parts(folder)
    assert done.returncode == 1
    assert "IMAGE_UNREADABLE" in done.stderr
    assert f"hpi-run: {INPUTS} inputs, 1 failed in " in done.stderr
    assert [row["input_path"] for row in rows(folder)] == [f"pictures/{number:02d}.png" for number in range(INPUTS)]
    assert [len(data.splitlines()) for _, data in sorted(contents(folder).items())] == [5, 5, 5, 5, 3]


def test_rows_are_the_lines_of_a_run_without_parts(folder: Path) -> None:
    parts(folder, "--part-size", "100")
    (data,) = contents(folder).values()
    assert data.decode() == run(folder, "hpi-run", "plan.json", "--input", "pictures").stdout


def test_shards_make_what_one_machine_makes(folder: Path, expected: dict[str, bytes]) -> None:
    counts = []
    for index in (3, 1, 2):
        assert parts(folder, "--shard", f"{index}/3").returncode in (0, 1)
        counts.append(len(contents(folder)))
    assert counts == [1, 3, 5]
    assert contents(folder) == expected


def test_starting_again_makes_what_is_missing_and_touches_nothing_else(
    folder: Path, expected: dict[str, bytes]
) -> None:
    parts(folder)
    names = sorted(contents(folder))
    (folder / "out" / names[1]).unlink()
    before = (folder / "out" / names[0]).stat().st_mtime_ns
    refused = parts(folder)
    assert refused.returncode == 2
    assert "4 of 5 parts are in out already: --resume makes what is missing" in refused.stderr
    done = parts(folder, "--resume")
    # The failed input is in the second part.
    assert done.returncode == 1
    assert "4 of 5 parts are there already" in done.stderr
    assert "hpi-run: 5 inputs, 1 failed" in done.stderr
    assert contents(folder) == expected
    assert (folder / "out" / names[0]).stat().st_mtime_ns == before
    done = parts(folder, "--resume")
    assert (done.returncode, done.stdout) == (0, "")
    assert contents(folder) == expected


def test_another_plan_makes_parts_of_its_own_and_says_that_others_are_there(folder: Path) -> None:
    parts(folder)
    text = (folder / "plan.json").read_text().replace('"topk": 2', '"topk": 1')
    (folder / "plan.json").unlink()
    (folder / "plan.json").write_text(text)
    done = parts(folder, "--resume")
    assert "warning: out has parts of other inputs, or of another plan" in done.stderr
    assert len(contents(folder)) == 10


def test_parquet_has_the_same_rows(folder: Path) -> None:
    assert parts(folder, form="parquet").returncode == 1
    found = [row for path in sorted((folder / "out").iterdir()) for row in parquet.read_table(path).to_pylist()]
    shutil.rmtree(folder / "out")
    parts(folder)
    assert [json.loads(row["result"]) for row in found] == rows(folder)
    assert [row["input_path"] for row in found] == [row["input_path"] for row in rows(folder)]
    assert [row["error"] is not None for row in found] == ["error" in row for row in rows(folder)]
    assert {row["plan"] for row in found} == {rows(folder)[0]["plan"]}


def test_a_manifest_lists_inputs(folder: Path) -> None:
    (folder / "list.txt").write_text("pictures/02.png\npictures/01.png\n")
    done = run(folder, "hpi-run", "plan.json", "--manifest", "list.txt")
    assert [json.loads(line)["input_path"] for line in done.stdout.splitlines()] == [
        *("pictures/02.png", "pictures/01.png")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shard", "1/2"], "--shard goes with --output-format jsonl or parquet"),
        (["--resume"], "--resume goes with --output-format jsonl or parquet"),
        (["--output-format", "jsonl"], "--output-format jsonl goes with --output DIR"),
        (["--output-format", "jsonl", "--output", "o", "--save-images"], "goes without --save-images and --record"),
        (["--output-format", "jsonl", "--output", "o", "--shard", "3/2"], "must be I/N"),
        (["--output-format", "jsonl", "--output", "o", "--shard", "x"], "must be I/N"),
        (["--output-format", "jsonl", "--output", "plan.json"], "plan.json"),
        (["--output-format", "xml", "--output", "o"], "invalid choice"),
        (["--manifest", "none.txt"], "--manifest: none.txt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_does_not_go_together_is_said(folder: Path, arguments: list[str], said: str) -> None:
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def killed(folder: Path, seconds: float) -> None:
    """Start a run, and kill it after so many seconds."""
    given = ["--input", "pictures", "--output", "out", "--output-format", "jsonl", "--part-size", "5", "--resume"]
    job = subprocess.Popen([BIN / "hpi-run", "plan.json", *given], cwd=folder, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.full if seed else ()) for seed in range(20)])
def test_whenever_it_is_killed_the_next_start_makes_the_same_rows(
    folder: Path, expected: dict[str, bytes], seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        killed(folder, rng.uniform(0.05, 1.2))
        assert (
            all(expected[name] == data for name, data in contents(folder).items())
            if (folder / "out").is_dir()
            else True
        )
    assert parts(folder, "--resume").returncode in (0, 1)
    assert contents(folder) == expected
