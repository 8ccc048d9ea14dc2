"""turn_lines: lines that are upside down, turned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn each of ``crops`` by 180° whose best class in ``class_ids`` is 1."""
    pairs = zip(inputs["crops"], inputs["class_ids"], strict=True)
    return {"crops": [np.asarray(cv2.rotate(crop, cv2.ROTATE_180)) if best[0] == 1 else crop for crop, best in pairs]}
