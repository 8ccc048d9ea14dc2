"""The shortest ``inference.yml`` that does for the task of a model, as PaddleX would write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from hpi_planner import knowledge

_NORMALIZE = {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": "1./255."}}
_CLASSIFICATION = {
    "PreProcess": {"transform_ops": [{"ResizeImage": {"size": 224}}, _NORMALIZE, {"ToCHWImage": None}]},
    "PostProcess": {"Topk": {"topk": 5}},
}
_BY_TASK: Mapping[str, Mapping[str, Any]] = {
    "image_classification": _CLASSIFICATION,
    "doc_text_orientation": _CLASSIFICATION,
    "textline_orientation": {
        "PreProcess": {"transform_ops": [{"ResizeImage": {"size": [160, 80]}}, _NORMALIZE, {"ToCHWImage": None}]},
        "PostProcess": {"Topk": {"topk": 1}},
    },
    "text_detection": {
        "PreProcess": {"transform_ops": [{"DetResizeForTest": None}, _NORMALIZE, {"ToCHWImage": None}]},
        "PostProcess": {"name": "DBPostProcess"},
    },
    "text_recognition": {
        "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": ["a", "b"]},
    },
}


def config(model: str, task: str | None = None) -> dict[str, Any]:
    """Return the configuration of a model of PaddleX's, or of another for a task."""
    return {"Global": {"model_name": model}, **_BY_TASK.get(task or knowledge.module_of(model) or "", {})}


def text(model: str, task: str | None = None) -> str:
    """Return the same as YAML."""
    return yaml.safe_dump(config(model, task), sort_keys=False)
