"""Plans on a real Ray of this machine: the rows of hpi-run, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hpi_ray.workers import Asked, needed
from hpi_runtime.errors import PlanError
from support.classifying import lay_out, picture, run

# What `make test-full` installs.
pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(300),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]
INPUTS = 23


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan, and pictures, one of which is none."""
    made = tmp_path_factory.mktemp("ray")
    lay_out(made)
    for path in (made / "pictures").iterdir():
        path.unlink()
    for number in range(INPUTS):
        picture(made / f"pictures/{number:02d}.png", number)
    (made / "pictures/07.png").write_text("no picture")
    return made


@pytest.fixture(scope="module")
def ray(place: Path) -> Iterator[Any]:
    """Ray, with two cores."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray as own

    own.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    own.data.DataContext.get_current().enable_progress_bars = False
    yield own
    own.shutdown()


def command(place: Path, *more: str, output: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "hpi_ray", "plan.json", "--input", "pictures", "--output", output, "--part-size", "5"]
    return subprocess.run([*line, *more], cwd=place, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, bytes]:
    """What hpi-run writes of the same inputs."""
    given = ["--input", "pictures", "--output", "own", "--output-format", "jsonl", "--part-size", "5"]
    assert run(place, "hpi-run", "plan.json", *given).returncode == 1
    return contents(place / "own")


def test_parts_are_those_of_hpi_run_to_the_byte(place: Path, expected: dict[str, bytes]) -> None:
    done = command(place, "--output-format", "jsonl", output="out")
    assert done.returncode == 1, done.stderr
    assert contents(place / "out") == expected
    assert "07.png is not a picture" in done.stderr
    assert "Traceback" not in done.stderr
    gone = sorted((place / "out").iterdir())[2]
    gone.unlink()
    assert command(place, "--output-format", "jsonl", output="out").returncode == 2
    again = command(place, "--output-format", "jsonl", "--resume", output="out")
    assert (again.returncode, "5 inputs in" in again.stderr) == (0, True), again.stderr
    assert contents(place / "out") == expected
    assert command(place, "--output-format", "jsonl", "--resume", output="out").returncode == 0


def test_workers_that_are_killed_lose_nothing(place: Path, expected: dict[str, bytes]) -> None:
    killed: list[int] = []

    def kill() -> None:
        """Kill whatever worker has just made a part, twice."""
        for count in (1, 3):
            while len(list((place / "killed").glob("part-*")) if (place / "killed").is_dir() else []) < count:
                time.sleep(0.01)
            found = subprocess.run(["pgrep", "-f", r"ray::.*Maker"], capture_output=True, text=True, check=False)
            for number in found.stdout.split()[:1]:
                os.kill(int(number), signal.SIGKILL)
                killed.append(int(number))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    done = command(place, "--output-format", "jsonl", "--workers", "1", "--part-size", "2", output="killed")
    killer.join(20)
    assert killed
    assert done.returncode == 1, done.stderr
    rows = [json.loads(line) for _, data in sorted(contents(place / "killed").items()) for line in data.splitlines()]
    whole = [json.loads(line) for _, data in sorted(expected.items()) for line in data.splitlines()]
    assert rows == whole


def test_a_dataset_of_paths_and_one_of_bytes_give_the_same_rows(
    place: Path, ray: Any, expected: dict[str, bytes]
) -> None:
    import hpi_ray

    paths = [{"path": str(path)} for path in sorted((place / "pictures").iterdir())]
    plan = place / "plan.json"
    named = hpi_ray.map(ray.data.from_items(paths), plan, workers=1, batch_size=5).take_all()
    read = ray.data.read_binary_files(str(place / "pictures"), include_paths=True)
    held = hpi_ray.map(read, plan, data="bytes", workers=1).take_all()
    records = [json.loads(line) for data in expected.values() for line in data.splitlines()]
    # The command was told relative names, a dataset whole ones.
    whole = {Path(record["input_path"]).name: record for record in records}
    for rows in (named, held):
        assert len(rows) == INPUTS
        for row in rows:
            record = json.loads(row["result"])
            other = whole[Path(row["input_path"]).name]
            assert (row["error"] is None) == ("error" not in other)
            assert record.get("label_names") == other.get("label_names")
            assert row["plan"] == other["plan"]


def test_parquet_holds_what_it_holds_elsewhere(place: Path) -> None:
    assert command(place, output="table").returncode == 1
    table = parquet.ParquetDataset(place / "table").read()
    assert table.num_rows == INPUTS
    assert table.column_names == ["input_path", "page_index", "plan", "error", "result"]
    assert table["error"].null_count == INPUTS - 1


def test_a_worker_takes_the_cores_that_its_threads_keep_busy(place: Path) -> None:
    plan = Asked(str(place / "plan.json")).read()
    record = next(iter(plan.modules.values()))
    assert needed(plan).cpus == record.engine.config["cpu_num_threads"]
    assert needed(plan).gpus == 0


def test_what_is_wrong_is_told_before_ray_starts(place: Path, ray: Any) -> None:
    import hpi_ray

    with pytest.raises(PlanError, match=r"none\.json"):
        hpi_ray.map(ray.data.from_items([{"path": "x"}]), place / "none.json")
    with pytest.raises(PlanError, match="the plan has no module X"):
        hpi_ray.map(ray.data.from_items([{"path": "x"}]), place / "plan.json", module="X")
    done = command(place, "--module", "X", output="never")
    assert (done.returncode, "has no module X" in done.stderr) == (2, True)
    done = command(place, "--address", "127.0.0.1:1", output="never2")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
