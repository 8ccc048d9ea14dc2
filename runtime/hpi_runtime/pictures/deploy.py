"""The operations of ``Deploy.transforms`` in an ``inference.yml`` of PaddleSeg, on 8-bit BGR pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.transforms import Normalize, Planes, operations

_INTERPOLATION = {
    "NEAREST": cv2.INTER_NEAREST,
    "LINEAR": cv2.INTER_LINEAR,
    "BICUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}
_HALF = 0.5


class Deploy:
    """Resizing and normalising, in this order, whatever the configuration's."""

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any], size: Any = None) -> None:
        """Read the operations.

        Args:
            config: the ``inference.yml``.
            defaults: arguments of ``Resize`` where it does not give them.
            size: takes the place of resizing: one number or [width, height], -1 for none.
        """
        steps = operations(config)
        normalize = steps["Normalize"]
        self._normalize = Normalize(_three(normalize.get("mean", _HALF)), _three(normalize.get("std", _HALF)))
        given = steps.get("Resize", {"target_size": -1}) if size is None else {"target_size": size}
        resize = {**defaults, **given}
        target = resize["target_size"]
        self._size = (target, target) if isinstance(target, int) else (int(target[0]), int(target[1]))
        self._keep_ratio = bool(resize.get("keep_ratio", False))
        self._divisor = resize.get("size_divisor")
        self._interpolation = _INTERPOLATION[str(resize.get("interp", "LINEAR")).upper()]

    def __call__(self, image: Image) -> Planes:
        """Return what the network sees of a picture: 3 × height × width, red first."""
        return self._normalize(np.asarray(cv2.cvtColor(self._resized(image), cv2.COLOR_BGR2RGB)))

    def _resized(self, image: Image) -> Image:
        size = self._size
        if size == (-1, -1):
            return image
        if self._keep_ratio:
            own = image.shape[1], image.shape[0]
            scale = min(max(size) / max(own), min(size) / min(own))
            size = max(1, round(own[0] * scale)), max(1, round(own[1] * scale))
        if self._divisor:
            size = -(-size[0] // self._divisor) * self._divisor, -(-size[1] // self._divisor) * self._divisor
        return np.asarray(cv2.resize(image, size, interpolation=self._interpolation))


def _three(value: Any) -> list[float]:
    """Return a number for each channel."""
    return [float(value)] * 3 if isinstance(value, (int, float)) else [float(item) for item in value]
