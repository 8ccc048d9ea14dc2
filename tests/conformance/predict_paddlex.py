"""Runs models on the real PaddleX: one JSON question per line on stdin, one JSON answer per line on stdout.

A question is ``{"model_name", "model_dir", "settings", "batch_size", "pictures"}`` for a model, or ``{"pipeline",
"pictures", "arguments"}`` for a pipeline's YAML. An answer is a list of results as PaddleX writes them as JSON, with
their Markdown or CSV, or ``{"error"}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.ask_paddlex import described, import_paddlex

# The package of a predictor, its class, and where the names of its models are.
_UNBOUND = (
    ("image_multilabel_classification", "MLClasPredictor", "multilabel_classification"),
    ("semantic_segmentation", "SegRunnerPredictor", "semantic_segmentation"),
    ("anomaly_detection", "UadRunnerPredictor", "anomaly_detection"),
    ("keypoint_detection", "KptRunnerPredictor", "keypoint_detection"),
    ("image_feature", "ImageFeatureRunnerPredictor", "general_recognition"),
    ("face_feature", "FaceFeaturePredictor", "face_recognition"),
    ("instance_segmentation", "InstanceSegRunnerPredictor", "instance_segmentation"),
    ("ts_forecasting", "TSFcRunnerPredictor", "ts_forecast"),
    ("ts_anomaly_detection", "TSAdRunnerPredictor", "ts_anomaly_detection"),
    ("ts_classification", "TSClsRunnerPredictor", "ts_classification"),
    ("video_classification", "VideoClasRunnerPredictor", "video_classification"),
)
_ENGINE = {"device": "cpu", "engine": "onnxruntime"}


def main() -> None:
    """Answer questions until there are no more."""
    with tempfile.TemporaryDirectory() as cache:
        import_paddlex(cache)
        _register()
        for line in sys.stdin:
            try:
                answer: Any = list(_written(json.loads(line), Path(cache)))
            except Exception as fault:
                answer = {"error": described(fault)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _register() -> None:
    """Let PaddleX run by ONNX Runtime what it binds to its other engines alone; the predictor is the same."""
    models: Any = import_module("paddlex.inference.models")
    bind: Any = import_module(f"{models.__name__}.bindings").register_predictor_binding_map
    for package, name, listed in _UNBOUND:
        predictor: Any = getattr(import_module(f"{models.__name__}.{package}"), name)
        bind(predictor, {"onnxruntime": import_module(f"paddlex.modules.{listed}.model_list").MODELS})


def _written(question: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    place = folder / "result.json"
    for result in _predicted(question):
        # What PaddleX itself makes of its numbers.
        result.save_to_json(str(place))
        written = json.loads(place.read_text(encoding="utf-8"))
        text = getattr(result, "markdown", {}).get("markdown_texts")
        more = {} if text is None else {"markdown": text}
        if hasattr(result, "save_to_csv"):
            table = folder / "result.csv"
            result.save_to_csv(str(table))
            more["csv"] = table.read_text(encoding="utf-8")
        yield {**written, **more}


def _predicted(question: dict[str, Any]) -> Any:
    if "pipeline" in question:
        return _pipeline(question["pipeline"]).predict(question["pictures"], **question.get("arguments", {}))
    models: Any = import_module("paddlex.inference.models")
    names = {"model_name": question["model_name"], "model_dir": question["model_dir"]}
    settings = {key: _numbered(value) for key, value in question.get("settings", {}).items()}
    predictor = models.create_predictor(**names, **_ENGINE, **settings)
    return predictor(question["pictures"], batch_size=question.get("batch_size", 1))


@cache
def _pipeline(path: str) -> Any:
    """Return the pipeline of a YAML, which stays as it is while questions come."""
    pipelines: Any = import_module("paddlex.inference.pipelines")
    return pipelines.create_pipeline(path, **_ENGINE)


def _numbered(value: Any) -> Any:
    """Return a setting with numbers for the classes that JSON has as texts."""
    return {int(key): item for key, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
