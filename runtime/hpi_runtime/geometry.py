"""Geometry that detection and cropping share."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Points = np.ndarray[Any, Any]


def min_area_box(points: Points) -> tuple[Points, float]:
    """Return the corners of the smallest rectangle around points, and its shorter side.

    Args:
        points: n × 1 × 2 or n × 2.

    Returns:
        4 × 2 float32, clockwise from the top left: of the two leftmost corners the upper one is
        the first.
    """
    rectangle = cv2.minAreaRect(points)
    corners = sorted(cv2.boxPoints(rectangle), key=lambda corner: corner[0])
    left = sorted(corners[:2], key=lambda corner: corner[1])
    right = sorted(corners[2:], key=lambda corner: corner[1])
    return np.array([left[0], right[0], right[1], left[1]]), min(rectangle[1])
