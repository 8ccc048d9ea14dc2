"""Series from tables to forecasts: what is read, what is refused in words, and how it is shown."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hpi_planner.diagnostics.model import Code
from hpi_runtime import Session, create_pipeline, kinds
from hpi_runtime.results.plot import Plot
from hpi_runtime.run.native import NativePipeline
from runtime.test_cli import run
from support.toy_series import (
    AHEAD,
    ANOMALIES,
    CLASSES,
    FORECAST,
    HOURLY,
    LENGTH,
    MODULES,
    PIPELINES,
    STANDARD,
    classifier,
    finder,
    fitted,
    forecaster,
    table,
)

Load = Callable[..., NativePipeline]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads the pipeline of a model folder."""
    opened = []

    def loaded(folder: Path, batch_size: int = 1) -> NativePipeline:
        found = create_pipeline(written(folder, batch_size), device="cpu")
        assert isinstance(found, NativePipeline)
        opened.append(found)
        return found

    yield loaded
    for item in opened:
        item.close()


def written(folder: Path, batch_size: int = 1) -> Path:
    """Write the YAML of a model folder."""
    name = PIPELINES[folder.name]
    module = {"module_name": name, "model_name": folder.name, "model_dir": folder.name, "batch_size": batch_size}
    path = folder.parent / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"pipeline_name": name, "SubModules": {MODULES[folder.name]: module}}))
    return path


def changed(folder: Path, **told: Any) -> Path:
    """Change what an ``inference.yml`` says; a mapping changes some of its keys."""
    path = folder / "inference.yml"
    config = yaml.safe_load(path.read_text())
    for key, value in told.items():
        config[key] = (
            {**config[key], **value} if isinstance(value, dict) and isinstance(config.get(key), dict) else value
        )
        if value is None:
            del config[key]
    path.write_text(yaml.safe_dump(config))
    return folder


BAD: dict[str, tuple[Any, str]] = {
    "too few rows": (table(LENGTH - 1), "the series has 23 rows, and the model looks at 24"),
    "no such column": (table(LENGTH, ("y",)), "needs the column `x`; there are: date, y"),
    "no times": (table(LENGTH)[["x"]], "needs the column `date`; there are: x"),
    "words for numbers": (table(LENGTH).assign(x="much"), "the column `x` must hold numbers alone"),
    "words for times": (table(LENGTH).assign(date="soon"), "the column `date` must hold times"),
    "numbers for times": (table(LENGTH).assign(date=0.5), "follow no rhythm"),
    "a time that is missing": (table(LENGTH).assign(date=[None, *table(LENGTH)["date"][1:]]), "a time in each row"),
    "times without a rhythm": (table(LENGTH + 1).drop(index=5), "the times in `date` follow no rhythm"),
    "the same time again": (table(LENGTH).assign(date="2024-01-01"), "follow no rhythm"),
    "complex numbers": (table(LENGTH).assign(x=1j), "must hold numbers alone"),
    "a gap": (
        table(LENGTH).assign(x=[*[1.0] * 20, None, 2.0, 3.0, 4.0]),
        "no number that can be computed with in its row 20",
    ),
    "a number without end": (table(LENGTH).assign(x=np.inf), "no number that can be computed with in its row 0"),
    "a number too large": (table(LENGTH).assign(x=1e300), "no number that can be computed with"),
    "a column twice": (pd.concat([table(LENGTH), table(LENGTH)[["x"]]], axis=1), "more than one column `x`"),
    "a time twice": (pd.concat([table(LENGTH), table(LENGTH)[["date"]]], axis=1), "more than one column `date`"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_table_that_does_not_fit_is_an_error_of_its_own(load: Load, tmp_path: Path, kind: str) -> None:
    pipeline = load(forecaster(tmp_path / FORECAST), batch_size=4)
    good = table(40)
    first, bad, last = pipeline.predict([good, BAD[kind][0], good])
    assert first["forecast"] == last["forecast"] and len(first["forecast"]) == AHEAD
    assert (bad["error"]["code"], bad.is_failed) == ("INPUT_UNSUPPORTED", True)
    assert BAD[kind][1] in bad["error"]["message"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no CSV file: No columns to parse"),
        (b"\xff\xfe\x00", "is no CSV file"),
        (b'a,b\n1,2,3\n"', "is no CSV file"),
        (b"date,x\n", "the series has 0 rows"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is no CSV file|needs the column|has 0 rows|has . rows"),
        (b"x," * 5000 + b"\n", "has more than 4,096 columns"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "Git LFS"),
    ],
)
def test_a_file_that_is_no_table_is_an_error_of_its_own(load: Load, tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    pipeline = load(forecaster(tmp_path / FORECAST))
    for given in (str(path), content):
        (found,) = pipeline.predict(given)
        assert found.is_failed
        assert re.search(told, found["error"]["message"])


def test_pictures_are_no_series_and_tables_are_no_pictures(load: Load, tmp_path: Path) -> None:
    pipeline = load(forecaster(tmp_path / FORECAST))
    (found,) = pipeline.predict(np.zeros((30, 30, 3), np.uint8))
    assert found["error"]["message"] == "the plan takes CSV files, not a ndarray"
    ocr = Path(__file__).parents[2] / "examples/ocr/pipeline.yaml"
    with create_pipeline(ocr, device="cpu") as pictures:
        (found,) = pictures.predict(table(5))
    assert found["error"]["message"] == "the plan takes pictures or PDFs, not a DataFrame"


@pytest.mark.parametrize("size", [1, 3])
def test_each_table_of_a_batch_has_its_own_answer(load: Load, tmp_path: Path, size: int) -> None:
    pipeline = load(forecaster(tmp_path / FORECAST, ("x", "y"), fitted(STANDARD(), 2)), size)
    tables = [table(rows, ("x", "y")) for rows in (24, 31, 47, 60)]
    alone = [next(iter(pipeline.predict(item)))["forecast"] for item in tables]
    together = [found["forecast"] for found in pipeline.predict(tables)]
    for one, other in zip(alone, together, strict=True):
        assert [row["date"] for row in one] == [row["date"] for row in other]
        assert [row["x"] for row in one] == pytest.approx([row["x"] for row in other], rel=1e-4)
    assert len({json.dumps(item) for item in alone}) == len(alone)


def test_a_session_takes_tables(load: Load, tmp_path: Path) -> None:
    pipeline = load(finder(tmp_path / ANOMALIES))
    with Session(pipeline) as session:
        (found,) = session.submit(table(50)).result()
    assert [row["label"] for row in found["anomaly"]].count(1) > 0


def test_a_shorter_series_is_filled_up_and_a_longer_one_refused(load: Load, tmp_path: Path) -> None:
    pipeline = load(classifier(tmp_path / CLASSES))
    rows = pd.DataFrame({"time": range(LENGTH + 1), "x": np.cos(np.arange(LENGTH + 1.0))})
    whole, short, long = pipeline.predict([rows[:LENGTH], rows[:9], rows])
    assert 0 <= whole["classification"][0]["classid"] < 4
    padded = np.zeros(LENGTH, np.float32)
    padded[:9] = rows["x"][:9] + 1
    weights = np.random.default_rng(2 + LENGTH).normal(0, 0.3, (LENGTH, 4)).astype(np.float32)
    assert short["classification"][0]["classid"] == int(np.argmax(padded @ weights))
    assert long["error"]["message"] == "the series has 25 rows, and the model takes 24"


def test_numbered_rows_may_stand_in_any_order_but_not_twice(load: Load, tmp_path: Path) -> None:
    pipeline = load(forecaster(tmp_path / FORECAST, info={"time_col": "time", "freq": 2}))
    rows = pd.DataFrame({"time": range(3, 3 + 2 * LENGTH, 2), "x": np.sin(np.arange(LENGTH))})
    ordered, mixed = pipeline.predict([rows, rows.sample(frac=1, random_state=1)])
    assert mixed["forecast"] == ordered["forecast"]
    assert [row["time"] for row in ordered["forecast"]] == list(range(51, 51 + 2 * AHEAD, 2))
    twice = rows.assign(time=[3, *rows["time"][:-1]])
    (found,) = pipeline.predict(twice)
    assert found["error"]["message"] == "the numbers in `time` must be 2 apart, each once"


def test_an_input_of_another_name_is_fed_where_there_is_one(load: Load, tmp_path: Path) -> None:
    own = load(forecaster(tmp_path / "own" / FORECAST))
    other = load(forecaster(tmp_path / "other" / FORECAST, input_name="anything"))
    (one,), (two,) = own.predict(table(30)), other.predict(table(30))
    assert one["forecast"] == two["forecast"]


# -- models that do not fit ----------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no scaler": (
        lambda folder: changed(forecaster(folder), scale=True),
        "`scale: true`, and there is no scaler.pkl beside it",
    ),
    "no size": (lambda folder: changed(forecaster(folder), size={"in_chunk_len": "many"}), "must be a whole number"),
    "no rhythm": (
        lambda folder: changed(forecaster(folder), info_params={"freq": True}),
        "info_params.freq must be a rhythm",
    ),
    "columns that are none": (
        lambda folder: changed(forecaster(folder), info_params={"target_cols": [1]}),
        "info_params.target_cols must be a name, or a list of names",
    ),
    "other inputs": (
        lambda folder: changed(forecaster(folder, calendar=4), input_data={"observed_cov_numeric": [-1, 24, 1]}),
        "lists known_cov_numeric, observed_cov_numeric, past_target in input_data, and the model takes",
    ),
    "an input that nobody knows": (
        lambda folder: changed(forecaster(folder), input_data={"static_cov_numeric": [-1, 1]}),
        "lists static_cov_numeric in input_data; known here: past_target",
    ),
    "another length": (
        lambda folder: changed(forecaster(folder), input_data={"past_target": [-1, 96, 1]}),
        "24, 1], and inference.yml says [-1, 96, 1]",
    ),
    "a shape that is none": (
        lambda folder: changed(forecaster(folder), input_data={"past_target": 5}),
        "input_data must say the shape of each input",
    ),
    "nothing of what it takes": (
        lambda folder: changed(forecaster(folder), info_params=None),
        "has no description of what the model takes",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_model_that_does_not_fit_is_refused_when_it_is_planned(tmp_path: Path, kind: str) -> None:
    make, told = WRONG[kind]
    path = written(make(tmp_path / FORECAST))
    done = run(tmp_path, path.name, "--device", "cpu", command="hpi-plan")
    assert done.returncode == 2
    assert Code.MODEL_CONTRACT.value in done.stderr
    assert told in done.stderr.replace("`inference.yml`", "inference.yml")


def test_a_scaler_for_other_columns_is_refused_when_the_plan_is_loaded(tmp_path: Path) -> None:
    path = written(forecaster(tmp_path / FORECAST, ("x",), fitted(STANDARD(), 2)))
    (tmp_path / "plan.json").write_text(run(tmp_path, path.name, "--device", "cpu", command="hpi-plan").stdout)
    done = run(tmp_path, "plan.json", "--input", "pipeline.yaml", command="hpi-run")
    assert done.returncode != 0
    assert "scaler.pkl has numbers for 2 columns, and `info_params` names 1: x" in done.stderr


@pytest.mark.parametrize(("rhythm", "told"), [("banana", "is no rhythm of pandas"), ("-1h", "runs backwards")])
def test_a_rhythm_that_is_none_is_refused_when_the_plan_is_loaded(tmp_path: Path, rhythm: str, told: str) -> None:
    path = written(changed(forecaster(tmp_path / FORECAST), info_params={"freq": rhythm}))
    (tmp_path / "plan.json").write_text(run(tmp_path, path.name, "--device", "cpu", command="hpi-plan").stdout)
    done = run(tmp_path, "plan.json", "--input", "pipeline.yaml")
    assert (done.returncode, told in done.stderr) == (4, True), done.stderr


def test_a_series_without_rows_or_a_group_without_enough_is_an_error_of_its_own(load: Load, tmp_path: Path) -> None:
    kinds = load(classifier(tmp_path / "a" / CLASSES, group="who"))
    empty = pd.DataFrame({"time": [], "x": [], "who": []})
    nobody = pd.DataFrame({"time": range(LENGTH), "x": 1.0, "who": np.nan})
    for found in kinds.predict([empty, nobody]):
        assert found["error"]["message"] == "the series has no rows"
    ahead = load(forecaster(tmp_path / "b" / FORECAST, info={**HOURLY, "group_id": "who"}))
    (found,) = ahead.predict(table(LENGTH).assign(who=["a"] * 5 + ["b"] * (LENGTH - 5)))
    assert found["error"]["message"] == "the series has 5 rows, and the model looks at 24"
    plain = load(classifier(tmp_path / "c" / CLASSES, is_masked=False))
    (found,) = plain.predict(pd.DataFrame({"time": range(9), "x": 1.0}))
    assert found["error"]["message"] == "the series has 9 rows, and the model takes 24"


@pytest.mark.parametrize("form", ["%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])
def test_what_is_unusual_is_marked_where_it_was_however_times_are_written(
    load: Load, tmp_path: Path, form: str
) -> None:
    pipeline = load(finder(tmp_path / ANOMALIES, scaler=fitted(STANDARD(), 1)))
    given = table(40)
    times = pd.to_datetime(given["date"])
    (found,) = pipeline.predict(given.assign(date=times.dt.strftime(form)).iloc[::-1])
    assert found.series is not None
    np.testing.assert_allclose(found.series["x"], given["x"][:LENGTH])
    drawn = Plot(found.series)
    kinds.find("anomalies").draw(drawn, found["anomaly"], {})  # type: ignore[arg-type]
    assert list(drawn._places) == [row["date"] for row in found["anomaly"]]


def test_names_in_chinese_are_drawn_with_a_font_that_has_them(load: Load, tmp_path: Path) -> None:
    pipeline = load(forecaster(tmp_path / FORECAST, ("温度",)))
    (found,) = pipeline.predict(table(30, ("温度",)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found.img["res"].width > 1000


def test_a_changed_scaler_is_noticed_before_anything_runs(tmp_path: Path) -> None:
    path = written(forecaster(tmp_path / FORECAST, ("x",), fitted(STANDARD(), 1)))
    (tmp_path / "plan.json").write_text(run(tmp_path, path.name, "--device", "cpu", command="hpi-plan").stdout)
    (tmp_path / FORECAST / "scaler.pkl").write_bytes(b"other")
    done = run(tmp_path, "plan.json", "--input", "pipeline.yaml", command="hpi-run")
    assert done.returncode == 3
    assert "scaler.pkl" in done.stderr


# -- the command ---------------------------------------------------------------------------------


def test_a_folder_of_tables_is_forecast_into_tables_and_plots(tmp_path: Path) -> None:
    path = written(forecaster(tmp_path / FORECAST, info=HOURLY))
    (tmp_path / "plan.json").write_text(run(tmp_path, path.name, "--device", "cpu", command="hpi-plan").stdout)
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        table(40 + ord(name) % 7).to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    (tmp_path / "in" / "notes.txt").write_text("other")
    done = run(tmp_path, "plan.json", "--input", "in", "--output", "out", "--save-images", command="hpi-run")
    assert (done.returncode, "1 file passed over: no CSV files" in done.stderr) == (0, True)
    kinds = ("csv", "json", "png")
    assert sorted(item.name for item in (tmp_path / "out/in").iterdir()) == [
        f"{n}.csv_res.{k}" for n in "ab" for k in kinds
    ]
    record = json.loads((tmp_path / "out/in/a.csv_res.json").read_text())
    lines = (tmp_path / "out/in/a.csv_res.csv").read_text().splitlines()
    assert lines[0] == "date,x"
    assert lines[1:] == [f"{row['date']},{row['x']}" for row in record["forecast"]]


@pytest.mark.parametrize("dates", ["{}.1.2024", "2024年1月{}日"])
def test_what_pandas_warns_its_callers_of_is_no_message_of_the_command(tmp_path: Path, dates: str) -> None:
    path = written(forecaster(tmp_path / FORECAST, info={"time_col": "date", "freq": "D"}))
    (tmp_path / "plan.json").write_text(run(tmp_path, path.name, "--device", "cpu", command="hpi-plan").stdout)
    table(LENGTH).assign(date=[dates.format(day) for day in range(1, LENGTH + 1)]).to_csv(
        tmp_path / "a.csv", index=False
    )
    done = run(tmp_path, "plan.json", "--input", "a.csv", "--quiet", command="hpi-run")
    assert "Warning" not in done.stderr
    assert all(line.startswith("hpi-run: ") for line in done.stderr.splitlines())
    assert json.loads(done.stdout)["input_path"] == "a.csv"
