"""image_unwarping: a flat picture of a curved page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.modules.base import Batch, Module, OutputError, Prepared, check_shape
from hpi_runtime.transforms import Image, Normalize


class ImageUnwarping(Module):
    """The model maps pictures to pictures; both are BGR with values from 0 to 1."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """PaddleX fixes this task's transforms in code; ``inference.yml`` has no say."""
        super().__init__(config, settings, batch_size)
        self._normalize = Normalize(mean=[0.0] * 3, std=[1.0] * 3, scale=1.0 / 255)

    def preprocess(self, images: Sequence[Image]) -> Prepared:
        """Make a batch of each picture: pages differ in size."""
        return Prepared([self._normalize(image)[np.newaxis] for image in images], None)

    def postprocess(self, outputs: Iterable[Batch], context: Any) -> dict[str, list[Any]]:
        """Return ``image``, a BGR picture; values outside 0 to 1 are clipped, where PaddleX lets them wrap."""
        return {"image": [_picture(plane) for output in outputs for plane in self._checked(output)]}

    @staticmethod
    def _checked(output: Batch) -> Batch:
        check_shape(output, None, 3, None, None)
        # A sum keeps what is not finite, and is quicker than to ask every value.
        if not np.isfinite(output.sum()):
            raise OutputError("is not finite")
        return output

    def result(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return nothing but the picture, which is no JSON."""
        return {}


def _picture(planes: Batch) -> Image:
    pixels = np.clip(planes.transpose(1, 2, 0) * np.float32(255.0), 0, 255)
    return np.ascontiguousarray(pixels.astype(np.uint8))


MODULE = ImageUnwarping
