"""seal_text_detection: outlines of lines of text that may be curved, by differentiable binarisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pyclipper

from hpi_runtime.pictures.geometry import Points, min_area_box
from hpi_runtime.tasks.base import SCORE_DECIMALS
from hpi_runtime.tasks.text_detection import MIN_WIDE_SIDE, Page, TextDetection, mean_inside, widened

_POLYGONS = "poly"
# An outline may be simplified by this part of its length.
_COARSE = 0.002
_FEWEST = 4


class SealTextDetection(TextDetection):
    """As of straight lines; but where the model says ``box_type: poly``, contours become polygons instead of boxes."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms and thresholds, and what contours become."""
        super().__init__(config, settings, batch_size)
        self._gives_polygons = (config.get("PostProcess") or {}).get("box_type", "quad") == _POLYGONS

    def found(self, probabilities: Points, page: Page) -> tuple[Any, list[float]]:
        """Return the outlines in a map of probabilities, n × 2 each, int32, and their scores."""
        if not self._gives_polygons:
            boxes, scores = super().found(probabilities, page)
            return list(boxes), scores
        outlines: list[Points] = []
        scores = []
        for contour in self.contours(probabilities):
            outline = cv2.approxPolyDP(contour, _COARSE * cv2.arcLength(contour, True), True).reshape(-1, 2)
            if len(outline) < _FEWEST:
                continue
            score = mean_inside(probabilities, outline)
            if score < self.box_thresh:
                continue
            wide = _widened(outline, self.unclip_ratio)
            if wide is None or min_area_box(wide)[1] < MIN_WIDE_SIDE:
                continue
            outlines.append(page.scaled(wide.reshape(-1, 2), probabilities.shape))
            scores.append(round(score, SCORE_DECIMALS))
        return outlines, scores


TASK = SealTextDetection


def _widened(outline: Points, ratio: float) -> Points | None:
    """Return an outline grown on all sides, None if it does not become another single one."""
    try:
        found = widened(outline, ratio)
    except pyclipper.ClipperException:
        return None
    return np.array(found[0]) if len(found) == 1 else None
