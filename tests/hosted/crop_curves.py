"""Lays lines straight by us and by PaddleX, in PaddleX's environment: with the same OpenCV, the same pixels.

The only argument is how many random outlines it tries. It writes a JSON object: how many were ``equal``, how many of
them ``curved``, and which ``differ``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from hpi_runtime.pictures.cropping import upright
from hpi_runtime.pictures.curves import straightened

_SIZE = 400


def main(count: int) -> None:
    """Compare the crops of outlines."""
    module: Any = import_module("paddlex.inference.pipelines.components.common.crop_image_regions")
    crop = module.CropByPolys(det_box_type="poly")
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (_SIZE, _SIZE, 3), np.uint8), (0, 0), 3)
    found: dict[str, Any] = {"equal": 0, "curved": 0, "differ": []}
    for outline in outlines(count):
        own, rectangle = straightened(image, outline), upright(image, outline)
        if rectangle is None:
            # A detector gives none without an area; PaddleX reads the whole page there.
            continue
        try:
            (expected,) = crop(image, [outline.astype(np.int64)])
        except Exception:
            # Where there is nothing to cut, it fails.
            expected = None
        if own is None or expected is None:
            is_equal = own is None and (expected is None or not expected.size)
        else:
            is_equal = np.array_equal(own, expected)
            found["curved"] += not np.array_equal(own, rectangle)
        found["equal"] += is_equal
        if not is_equal:
            found["differ"].append(outline.tolist())
    sys.stdout.write(json.dumps({**found, "curved": int(found["curved"])}))


def outlines(count: int) -> Iterator[np.ndarray]:
    """Yield outlines of all sorts: arcs of some thickness, blobs, quadrangles, and what is hardly one."""
    rng = np.random.default_rng(5)
    for number in range(count):
        middle = rng.uniform(60, 340, 2)
        if number % 4 == 0:
            points = rng.uniform(-60, 60, (rng.integers(4, 7), 2)) + middle
        elif number % 4 == 1:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 30)))
            points = np.stack([np.cos(angles), np.sin(angles)], 1) * rng.uniform(1, 90, (1, 2)) + middle
        else:
            radius, thick = rng.uniform(30, 150), rng.uniform(2, 40)
            start, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 5)
            along = start + np.linspace(0, sweep, int(rng.integers(3, 40)))
            ring = np.stack([np.cos(along), np.sin(along)], 1)
            points = np.vstack([ring * (radius + thick), (ring * radius)[::-1]]) + _SIZE / 2
        yield np.clip(np.rint(points), 0, _SIZE).astype(np.int32)


if __name__ == "__main__":
    main(int(sys.argv[1]))
