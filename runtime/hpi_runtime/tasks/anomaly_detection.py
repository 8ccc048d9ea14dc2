"""anomaly_detection: which parts of a picture look unusual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.deploy import Deploy
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, batched, check_shape, chunks

# What scores more is unusual, as in PaddleX.
_THRESHOLD, _UNUSUAL = 0.01, 255
# What does not hold a disk of this radius, in pixels, is noise.
_RADIUS = 4


class AnomalyDetection(Task):
    """A network that scores each pixel."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the operations."""
        super().__init__(config, settings, batch_size)
        self._prepare = Deploy(config, {})
        across, down = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]
        self._disk = (across**2 + down**2 <= _RADIUS**2).astype(np.uint8)

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Stack pictures into batches."""
        groups = chunks(values["image"], self.batch_size)
        return Feeds([{"image": batched([self._prepare(image) for image in group])} for group in groups], None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``pred``: for each picture 1 × height × width, uint8, 255 where it looks unusual.

        Height and width are the network's.
        """
        found: list[Any] = []
        for output in outputs:
            scores = output["scores"]
            check_shape("scores", scores, None, 1, None, None)
            if not np.isfinite(scores).all():
                raise OutputError("scores", "is not finite")
            for score in scores[:, 0]:
                mask = np.where(score > _THRESHOLD, _UNUSUAL, 0).astype(np.uint8)
                found.append(np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._disk))[None])
        return {"pred": found}


TASK = AnomalyDetection
