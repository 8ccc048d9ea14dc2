"""name_pictures: the pictures of a page among its texts, so that the cells of tables can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hpi_runtime.documents import labels
from hpi_runtime.documents.cutouts import path_of
from hpi_runtime.pictures.geometry import corners


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``ocr`` with one text more for each picture among ``boxes``, and ``pictures``: their boxes by file."""
    height, width = inputs["image"].shape[:2]
    ocr = {key: list(value) if isinstance(value, (list, np.ndarray)) else value for key, value in inputs["ocr"].items()}
    pictures: dict[str, list[int]] = {}
    for box in inputs["boxes"]:
        left, top, right, bottom = np.clip([int(side) for side in box["coordinate"]], 0, [width, height] * 2).tolist()
        if box["label"] not in labels.IMAGES or left >= right or top >= bottom:
            continue
        path = path_of(box["label"], box["coordinate"])
        pictures[path] = [left, top, right, bottom]
        ocr["rec_texts"].append(f'<div style="text-align: center;"><img src="{path}" alt="Image" /></div>')
        ocr["rec_scores"].append(box["score"])
        ocr["rec_boxes"].append(pictures[path])
        ocr["rec_polys"].append(np.array(corners(pictures[path]), np.int32))
    return {"ocr": ocr, "pictures": pictures}
