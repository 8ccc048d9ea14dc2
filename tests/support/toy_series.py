"""Models of series without weights, with scalers, calendars and masks; and tables to feed them with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import yaml
from onnx import numpy_helper, parser, save
from sklearn import preprocessing

FORECAST, ANOMALIES, CLASSES = "DLinear", "DLinear_ad", "TimesNet_cls"
MODULES = {FORECAST: "TSForecast", ANOMALIES: "TSAnomalyDetection", CLASSES: "TSClassification"}
PIPELINES = {FORECAST: "ts_forecast", ANOMALIES: "ts_anomaly_detection", CLASSES: "ts_classification"}
LENGTH, AHEAD = 24, 6
HOURLY: Mapping[str, Any] = {"time_col": "date", "freq": "h"}


def forecaster(
    folder: Path,
    columns: tuple[str, ...] = ("x",),
    scaler: Any = None,
    calendar: int = 0,
    info: Mapping[str, Any] = HOURLY,
    input_name: str = "past_target",
    skip: int = 0,
) -> Path:
    """Write a forecast that mixes the past of each column, and what the calendar says of past and future."""
    width, length = len(columns), LENGTH + skip
    inputs, listed = f"float[N,{length},{width}] {input_name}", {"past_target": [-1, length, width]}
    body = f"t = Transpose <perm=[0,2,1]> ({input_name})\n m = MatMul (t, w)\n z = Transpose <perm=[0,2,1]> (m)"
    values: dict[str, Any] = {"w": _random(length, AHEAD)}
    if calendar:
        inputs += f", float[N,{length + AHEAD},{calendar}] known_cov_numeric"
        listed["known_cov_numeric"] = [-1, length + AHEAD, calendar]
        body += "\n k = MatMul (known_cov_numeric, v)\n e = Slice (k, begin, end, axis)\n y = Add (z, e)"
        ends = {"begin": [length], "end": [length + AHEAD], "axis": [1]}
        values |= {"v": _random(calendar, width), **{name: np.array(item) for name, item in ends.items()}}
    else:
        body += "\n y = Identity (z)"
    config = {
        "size": {"in_chunk_len": LENGTH, "out_chunk_len": AHEAD, "skip_chunk_len": skip},
        "time_feat": bool(calendar),
        "holiday": calendar > 4,
        "info_params": {**info, "target_cols": list(columns)},
        "input_data": listed,
    }
    return _write(folder, inputs, f"float[N,{AHEAD},{width}] y", body, values, config, scaler)


def finder(folder: Path, columns: tuple[str, ...] = ("x",), scaler: Any = None, observed: bool = False) -> Path:
    """Write a model that repeats a series a little smaller."""
    name, width = "observed_cov_numeric" if observed else "past_target", len(columns)
    config = {
        "size": {"in_chunk_len": LENGTH},
        "model_threshold": 0.3,
        "info_params": {**HOURLY, "feature_cols" if observed else "target_cols": list(columns)},
        "input_data": {name: [-1, LENGTH, width]},
    }
    shape = f"float[N,{LENGTH},{width}]"
    return _write(
        folder, f"{shape} {name}", f"{shape} y", f"y = Mul ({name}, c)", {"c": np.float32(0.5)}, config, scaler
    )


def classifier(folder: Path, is_masked: bool = True, scaler: Any = None, group: str | None = None) -> Path:
    """Write a model that mixes what it sees to four numbers."""
    mask = f", float[N,{LENGTH}] pad_mask" if is_masked else ""
    body = "f = Flatten (features)\n " + ("q = Add (f, pad_mask)\n " if is_masked else "q = Identity (f)\n ")
    config = {
        "size": {"in_chunk_len": LENGTH},
        "info_params": {"time_col": "time", "freq": 1, "target_cols": ["x"], **({"group_id": group} if group else {})},
        "input_data": {"features": [-1, LENGTH, 1], **({"pad_mask": [-1, LENGTH]} if is_masked else {})},
    }
    inputs = f"float[N,{LENGTH},1] features{mask}"
    values = {"w": _random(LENGTH, 4)}
    return _write(folder, inputs, "float[N,4] y", f"{body} y = MatMul (q, w)", values, config, scaler)


def table(
    rows: int, columns: tuple[str, ...] = ("x",), start: str = "2023-12-30 05:00", freq: str = "h"
) -> pd.DataFrame:
    """Return a table of waves with some noise, and a few moments that are unlike the others."""
    random = np.random.default_rng(rows)
    dates = pd.date_range(start, periods=rows, freq=freq)
    made = {
        name: np.sin(np.arange(rows) / (3 + place)) + random.normal(0, 0.2, rows) for place, name in enumerate(columns)
    }
    for name in columns:
        made[name][random.integers(0, rows, max(1, rows // 12))] += 3
    return pd.DataFrame({"date": dates.astype(str), **{name: values.round(4) for name, values in made.items()}})


def fitted(scaler: Any, columns: int) -> Any:
    """Return a scaler of scikit-learn that has seen numbers."""
    return scaler.fit(np.random.default_rng(2).normal(1.5, 3, (40, columns)))


STANDARD = preprocessing.StandardScaler


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape) + shape[0]).normal(0, 0.3, shape).astype(np.float32)


def _write(
    folder: Path, inputs: str, outputs: str, body: str, values: Mapping[str, Any], config: dict[str, Any], scaler: Any
) -> Path:
    folder.mkdir(parents=True)
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => ({outputs}) {{ {body} }}')
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in values.items())
    save(model, str(folder / "inference.onnx"))
    if scaler is not None:
        joblib.dump(scaler, folder / "scaler.pkl")
    told = {"Global": {"model_name": folder.name}, "scale": scaler is not None, **config}
    (folder / "inference.yml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    return folder
