"""image_unwarping: a flat picture of a curved page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.transforms import Normalize
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, check_shape


class ImageUnwarping(Task):
    """The model maps pictures to pictures; both are BGR with values from 0 to 1."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """PaddleX fixes this task's transforms in code; ``inference.yml`` has no say."""
        super().__init__(config, settings, batch_size)
        self._normalize = Normalize(mean=[0.0] * 3, std=[1.0] * 3, scale=1.0 / 255)

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Make a batch of each picture: pages differ in size."""
        return Feeds([{"image": self._normalize(image)[np.newaxis]} for image in values["image"]], None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``image``, a BGR picture; values outside 0 to 1 are clipped, where PaddleX lets them wrap."""
        return {"image": [_picture(plane) for output in outputs for plane in self._checked(output["image"])]}

    @staticmethod
    def _checked(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        check_shape("image", output, None, 3, None, None)
        # A sum keeps what is not finite, and is quicker than to ask every value.
        if not np.isfinite(output.sum()):
            raise OutputError("image", "is not finite")
        return output


def _picture(planes: np.ndarray[Any, Any]) -> Image:
    pixels = np.clip(planes.transpose(1, 2, 0) * np.float32(255.0), 0, 255)
    return np.ascontiguousarray(pixels.astype(np.uint8))


TASK = ImageUnwarping
