"""hpi-bench as people use it, and the arithmetic behind its figures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from hpi_runtime.bench.figures import Measured, Pass, percentile, ratio
from hpi_runtime.bench.meter import Meter, covered
from hpi_runtime.run.runner import INFERENCE, PREPROCESS
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import toy_series

BIN = Path(sys.executable).parent
MODEL = Path(__file__).parents[2] / "examples/ocr/page_orientation"
MODULE = "SubModules.ImageClassification"
PIPELINE = """pipeline_name: image_classification
use_hpip: true
hpi_config: {backend: BACKEND}
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: model, topk: 2}
"""


def run(folder: Path, *arguments: str, command: str = "hpi-bench") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command, *arguments], cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    shutil.copytree(MODEL, folder / "model")
    for backend in ("openvino", "onnxruntime"):
        (folder / f"{backend}.yaml").write_text(PIPELINE.replace("BACKEND", backend))
        done = run(folder, f"{backend}.yaml", "--output", f"{backend}.json", command="hpi-plan")
        assert done.returncode == 0, done.stderr
    (folder / "pictures").mkdir()
    for name, height in (("a", 90), ("b", 160)):
        picture = np.random.default_rng(height).integers(0, 256, (height, 120, 3), np.uint8)
        cv2.imwrite(str(folder / f"pictures/{name}.png"), picture)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "own"))


def answer(folder: Path, name: str) -> str:
    done = run(folder, "openvino.json", "--input", f"pictures/{name}", command="hpi-run")
    return str(json.loads(done.stdout)["label_names"][0])


def test_two_plans_stand_side_by_side_with_their_steps(folder: Path) -> None:
    done = run(folder, "openvino.json", "onnxruntime.json", "--input", "pictures", "--rounds", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 pictures" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("openvino.json", "onnxruntime.json")] == [
        "openvino.json",
        "onnxruntime.json",
    ]
    assert f"{MODULE} (openvino)" in done.stdout
    assert f"{MODULE} (onnxruntime)" in done.stdout


def test_json_has_every_figure_and_the_share_of_right_answers(folder: Path) -> None:
    right = answer(folder, "a.png")
    truth = {"inputs": {"a.png": {"label": right}, "b.png": {"label": "no such class"}}}
    (folder / "pictures/truth.json").write_text(json.dumps(truth))
    done = run(folder, "openvino.json", "onnxruntime.json", "--input", "pictures", "--rounds", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["rounds"] == 2
    first, second = report["plans"]
    assert first["ratio"] == {"latency": 1.0, "throughput": 1.0}
    assert second["ratio"]["latency"] > 0
    for plan in (first, second):
        assert plan["accuracy"] == {"label_share": 0.5}
        assert plan["pictures"] == 2
        assert plan["failed"] == []
        assert len(plan["stream_seconds"]) == 2
        assert plan["shapes"] == {MODULE: 1}
        assert plan["loaded_ms"] < plan["first_result_ms"]
        assert 0 < plan["overhead"] < 1
        assert plan["latency_ms"]["p50"] <= plan["latency_ms"]["p99"]
        assert set(plan["steps_ms"]) == {"input", MODULE}
        assert set(plan["steps_ms"][MODULE]) == {"inference", "postprocess", "preprocess"}
        steps = sum(value for kinds in plan["steps_ms"].values() for value in kinds.values())
        assert steps <= plan["latency_sum_ms"]
    assert first["backends"] == {MODULE: "openvino"}


def test_a_plot_is_a_picture(folder: Path) -> None:
    done = run(folder, "openvino.json", "--input", "pictures/a.png", "--rounds", "1", "--plot", "bars.png")
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "bars.png") as drawn:
        assert drawn.format == "PNG"
        assert len(drawn.convert("RGB").getcolors(1 << 24) or []) > 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bars.doc", "suffix must name a format"),
        ("bars", "suffix must name"),
        ("nowhere/bars.png", "nowhere is no folder"),
    ],
)
def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_measured(
    folder: Path, name: str, reason: str
) -> None:
    done = run(folder, "openvino.json", "--input", "pictures/a.png", "--rounds", "1", "--plot", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert name in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_that_fails_is_named_and_the_rest_is_measured(folder: Path) -> None:
    (folder / "pictures/broken.png").write_bytes(b"no picture")
    done = run(folder, "openvino.json", "--input", "pictures", "--rounds", "1")
    assert done.returncode == 1
    assert "broken.png" in done.stdout
    # It fails fast, which is no speed.
    assert "2 pictures, without 1 that failed;" in done.stdout


def test_figures_are_those_of_inputs_that_no_plan_fails_at(folder: Path) -> None:
    (folder / "pictures/broken.png").write_bytes(b"no picture")
    done = run(folder, "openvino.json", "onnxruntime.json", "--input", "pictures", "--rounds", "2", "--json")
    assert done.returncode == 1
    for plan in json.loads(done.stdout)["plans"]:
        assert plan["pictures"] == 2
        assert [line.startswith("pictures/broken.png: ") for line in plan["failed"]] == [True]
        assert plan["pictures_per_second"] == pytest.approx(2 / np.median(plan["stream_seconds"]), rel=0.2)


def test_inputs_that_all_fail_are_exit_code_2(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    done = run(folder, "openvino.json", "--input", "broken.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hpi-bench: openvino.json: no input can be processed: ")


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda folder: (folder / "openvino.json").write_text("{}"), 2, "hpi-bench: openvino.json is not a plan"),
        (lambda folder: (folder / "model/inference.onnx").write_bytes(b"x"), 3, "inference.onnx"),
        (lambda folder: (folder / "pictures/truth.json").write_text("{}"), 2, "is no truth"),
    ],
)
def test_what_cannot_be_measured_is_said_with_its_own_exit_code(folder: Path, spoil: Any, code: int, said: str) -> None:
    spoil(folder)
    done = run(folder, "openvino.json", "--input", "pictures", "--rounds", "1")
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# -- arithmetic -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=8))
def test_covered_time_is_what_a_clock_would_count(spans: list[tuple[int, int]]) -> None:
    ticks = {tick for start, length in spans for tick in range(start, start + length)}
    assert covered([(float(start), float(start + length)) for start, length in spans]) == len(ticks)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    values.sort()
    found = percentile(values, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_the_peak_is_that_of_the_process_and_not_of_the_one_that_started_it() -> None:
    child = "from hpi_runtime.bench.meter import peak_mib; print(peak_mib())"
    parent = (
        f"import os, subprocess, sys; held = os.urandom(400 << 20); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 10 < float(done.stdout) < 300


def test_ratios_are_taken_round_by_round() -> None:
    def measured(seconds: list[float]) -> Measured:
        passes: list[Pass] = [{"seconds": value} for value in seconds]
        return Measured("p", {}, [], single={"a": passes, "b": passes}, stream=passes)

    # The third round was disturbed, for both alike.
    found = ratio(measured([2.0, 2.2, 9.0]), measured([1.0, 1.1, 4.5]))
    assert [found.latency, found.throughput] == pytest.approx([2, 2])


def test_a_meter_counts_side_by_side_runs_once_and_shapes_for_good() -> None:
    meter = Meter()
    array = np.zeros((1, 3), np.float32)
    meter.observe("M", {"x": array}, {})
    threads = [threading.Thread(target=meter.measure, args=("M", INFERENCE, 5.0)) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    meter.measure("M", PREPROCESS, 1.0)
    found = meter.to_json()
    assert found["busy"] == pytest.approx(5, abs=0.5)
    assert found["steps"] == {"M": {INFERENCE: 10.0, PREPROCESS: 1.0}}
    assert found["first_runs"] == {"M": 5.0}
    meter.restart()
    assert (meter.to_json()["busy"], meter.to_json()["shapes"]) == (0, {"M": 1})


# -- other inputs than pictures ------------------------------------------------------------------


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    toy_series.forecaster(folder / toy_series.FORECAST)
    member = {"module_name": "ts_forecast", "model_name": toy_series.FORECAST, "model_dir": toy_series.FORECAST}
    pipeline = {"pipeline_name": "ts_forecast", "use_hpip": True, "SubModules": {"TSForecast": member}}
    (folder / "p.yaml").write_text(yaml.safe_dump(pipeline))
    listed = ("p.yaml", "--device", "cpu", "--candidates", "c.json")
    for arguments in (("p.yaml", "--device", "cpu", "--output", "p.json"), listed):
        done = run(folder, *arguments, command="hpi-plan")
        assert done.returncode == 0, done.stderr
    (folder / "tables").mkdir()
    for rows in (40, 55):
        toy_series.table(rows).to_csv(folder / f"tables/{rows}.csv", index=False)
    return folder


def test_a_folder_of_tables_is_measured(series: Path) -> None:
    done = run(series, "p.json", "--input", "tables", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["plans"][0]["pictures"] == 2


def test_candidates_of_a_plan_of_series_are_measured_on_tables(series: Path) -> None:
    done = run(series, "--candidates", "c.json", "--profile", "f.json", "--input", "tables", "--budget", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads((series / "f.json").read_text())
    assert found["inputs"]["pictures"] == 2
    done = run(series, "p.yaml", "--device", "cpu", "--profile", "f.json", command="hpi-plan")
    assert done.returncode == 0, done.stderr


def test_plans_that_take_different_things_cannot_be_compared(series: Path, folder: Path) -> None:
    done = run(folder, "openvino.json", str(series / "p.json"), "--input", "pictures")
    assert done.returncode == 2
    assert f"{series / 'p.json'} CSV files: they cannot be compared" in done.stderr
