"""The task of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hpi_runtime.tasks.base import Arrays, Feeds, Task


class Brightness(Task):
    """The mean of all pixels, from 0 to 1."""

    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        """Make a batch of each picture."""
        planes = (image.transpose(2, 0, 1)[np.newaxis] for image in values["image"])
        return Feeds([{"picture": np.ascontiguousarray(plane, np.float32)} for plane in planes], None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``light``."""
        return {"light": [float(mean) / 255 for output in outputs for mean in output["mean"]]}
