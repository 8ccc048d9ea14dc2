"""turn_lines: lines that are upside down, turned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn each of ``crops`` by 180° whose best class in ``class_ids`` is 1, with at least ``score_thresh``."""
    lines = zip(inputs["crops"], inputs["class_ids"], inputs["scores"], strict=True)
    return {"crops": [_turned(crop) if _is_turned(best, scores, params) else crop for crop, best, scores in lines]}


def _is_turned(best: Any, scores: Any, params: Mapping[str, Any]) -> bool:
    return bool(best[0] == 1 and scores[0] >= params["score_thresh"])


def _turned(crop: Image) -> Image:
    return np.asarray(cv2.rotate(crop, cv2.ROTATE_180), np.uint8)
