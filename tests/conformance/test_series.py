"""Forecasts, unusual moments and kinds of series, against PaddleX on the same folders and tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from hpi_runtime import create_pipeline
from sklearn import preprocessing
from support.toy_series import (
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

WEEKS = {"time_col": "date", "freq": "W-SAT"}
Make = Callable[[Path], Path]


def _counted(rows: int, step: int = 1, **more: Any) -> pd.DataFrame:
    """Return a table whose moments are numbers."""
    values = np.cos(np.arange(rows) / 4).round(4)
    return pd.DataFrame({"time": np.arange(7, 7 + step * rows, step), **more, "x": values})


def _shuffled(made: pd.DataFrame) -> pd.DataFrame:
    return made.sample(frac=1, random_state=3)


TWO = ("x", "y")
CASES: Mapping[str, tuple[str, Make, pd.DataFrame]] = {
    "a forecast": (FORECAST, forecaster, table(60)),
    "exactly as many rows as are looked at": (FORECAST, forecaster, table(LENGTH)),
    "two columns, scaled": (
        FORECAST,
        lambda folder: forecaster(folder, TWO, fitted(STANDARD(), 2)),
        table(50, TWO),
    ),
    "between bounds": (
        FORECAST,
        lambda folder: forecaster(folder, TWO, fitted(preprocessing.MinMaxScaler((-1, 3)), 2)),
        table(50, TWO),
    ),
    "by medians": (
        FORECAST,
        lambda folder: forecaster(folder, ("x",), fitted(preprocessing.RobustScaler(), 1)),
        table(50, TWO),
    ),
    "the calendar": (FORECAST, lambda folder: forecaster(folder, calendar=4), table(60)),
    "the calendar at the turn of the year, scaled": (
        FORECAST,
        lambda folder: forecaster(folder, ("x",), fitted(STANDARD(), 1), calendar=4),
        table(40, start="2019-12-31 03:00"),
    ),
    "holidays": (FORECAST, lambda folder: forecaster(folder, calendar=25), table(60)),
    "holidays, a row a day": (
        FORECAST,
        lambda folder: forecaster(folder, calendar=25, info={"time_col": "date", "freq": "D"}),
        table(40, start="2024-03-01", freq="D"),
    ),
    "a row a week": (
        FORECAST,
        lambda folder: forecaster(folder, info=WEEKS),
        table(40, start="2024-01-06", freq="W-SAT"),
    ),
    "a row a month": (
        FORECAST,
        lambda folder: forecaster(folder, info={"time_col": "date", "freq": "MS"}),
        table(30, start="2020-01-01", freq="MS"),
    ),
    "numbered rows": (
        FORECAST,
        lambda folder: forecaster(folder, info={"time_col": "time", "freq": 1}),
        _counted(40),
    ),
    "days as numbers": (
        FORECAST,
        lambda folder: forecaster(folder, info={"time_col": "date", "freq": "D"}),
        table(30, start="2024-05-01", freq="D").assign(date=range(20240501, 20240531)),
    ),
    "rows in no order": (FORECAST, forecaster, _shuffled(table(LENGTH))),
    "whole numbers": (FORECAST, forecaster, table(30).assign(x=range(30))),
    "some rows that are skipped": (FORECAST, lambda folder: forecaster(folder, skip=3), table(40)),
    "of the first group": (
        FORECAST,
        lambda folder: forecaster(folder, info={**HOURLY, "group_id": "who"}),
        table(LENGTH).assign(who="a"),
    ),
    "unusual moments": (ANOMALIES, finder, table(60)),
    "unusual in one of two columns, scaled": (
        ANOMALIES,
        lambda folder: finder(folder, TWO, fitted(STANDARD(), 2)),
        table(60, TWO),
    ),
    "features that are unusual": (ANOMALIES, lambda folder: finder(folder, TWO, observed=True), table(60, TWO)),
    "features, scaled": (
        ANOMALIES,
        lambda folder: finder(folder, TWO, fitted(preprocessing.MaxAbsScaler(), 2), observed=True),
        table(60, TWO),
    ),
    "a kind": (CLASSES, classifier, _counted(LENGTH)),
    "a kind without a mask": (CLASSES, lambda folder: classifier(folder, is_masked=False), _counted(LENGTH)),
    "a kind, scaled": (CLASSES, lambda folder: classifier(folder, scaler=fitted(STANDARD(), 1)), _counted(LENGTH)),
    "a kind of the first group": (
        CLASSES,
        lambda folder: classifier(folder, group="who"),
        pd.concat([_counted(LENGTH, who="b"), _counted(5, who="a")]),
    ),
}


def _laid_out(root: Path, name: str, number: int) -> tuple[Path, Path]:
    """Write a case, and return the folder of the model and the file of the table."""
    model, make, rows = CASES[name]
    folder = make(root / f"case{number}" / model)
    path = root / f"case{number}" / "table.csv"
    rows.to_csv(path, index=False)
    return folder, path


def _yaml(folder: Path, backend: str) -> Path:
    """Write the pipeline of a model for us."""
    module = {"module_name": PIPELINES[folder.name], "model_name": folder.name, "model_dir": str(folder)}
    hpi = {"use_hpip": True, "hpi_config": {"backend": backend, "auto_config": False}}
    path = folder.parent / f"{backend}.yaml"
    whole = {"pipeline_name": PIPELINES[folder.name], **hpi, "SubModules": {MODULES[folder.name]: module}}
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def answers(
    paddlex: Predict,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, tuple[Path, Path, Any]]:
    """What PaddleX makes of every case, and where that is."""
    root = tmp_path_factory.mktemp("series")
    places = {name: _laid_out(root, name, number) for number, name in enumerate(CASES)}
    asked = [
        {"model_name": folder.name, "model_dir": str(folder), "pictures": str(path)} for folder, path in places.values()
    ]
    return {name: (*places[name], answer) for name, answer in zip(places, paddlex(asked), strict=True)}


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("case", CASES)
def test_what_series_come_to_is_paddlexs(
    answers: Mapping[str, tuple[Path, Path, Any]], case: str, backend: str
) -> None:
    folder, path, theirs = answers[case]
    assert isinstance(theirs, list), theirs
    with create_pipeline(_yaml(folder, backend), device="cpu") as own:
        (found,) = own.predict(str(path))
        (handed,) = own.predict(pd.read_csv(path))
    field = next(iter(set(found) & {"forecast", "anomaly", "classification"}))
    assert handed[field] == found[field]
    _same_rows(found[field], theirs[0][field])
    if backend == "onnxruntime":
        _same_csv(found.attachments()["res.csv"].decode(), theirs[0]["csv"])


def _same_rows(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        # PaddleX leaves the index out.
        assert list(one)[1:] == list(other)
        assert {name: one[name] for name in other} == pytest.approx(other, rel=1e-4, abs=1e-5)


def _same_csv(found: str, expected: str) -> None:
    """Compare to the letter but for the last digits of numbers."""
    ours, theirs = ([line.split(",") for line in text.splitlines()] for text in (found, expected))
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    assert ours[0] == theirs[0]
    numbers, others = ([[float(item) for item in row[1:]] for row in table[1:]] for table in (ours, theirs))
    np.testing.assert_allclose(numbers, others, rtol=1e-5, atol=1e-6)


def test_some_moments_are_unusual_and_kinds_differ(answers: Mapping[str, tuple[Path, Path, Any]]) -> None:
    labels = [row["label"] for row in answers["unusual moments"][2][0]["anomaly"]]
    assert 0 < sum(labels) < len(labels)
    assert 0.2 < answers["a kind"][2][0]["classification"][0]["score"] <= 1
    assert len({json.dumps(answer[0]) for _, _, answer in answers.values()}) == len(answers)
