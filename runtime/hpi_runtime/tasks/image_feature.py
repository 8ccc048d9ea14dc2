"""image_feature: a vector of length 1 that describes a picture, so that those of like things are near each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, check_shape
from hpi_runtime.tasks.image_classification import Classifier


class ImageFeature(Classifier):
    """Resize, normalise; then what the network says, brought to length 1."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms."""
        super().__init__(config, settings, batch_size)
        self._is_flipped = bool(self.setting("flip", False))

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Stack the pictures into batches; with ``flip``, each comes again, mirrored."""
        batches: list[Arrays] = []
        for batch in super().feeds(values).batches:
            batches.append(batch)
            if self._is_flipped:
                batches.append({"image": np.ascontiguousarray(batch["image"][..., ::-1])})
        return Feeds(batches, None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``feature``: for each picture a vector, float32."""
        found: list[Any] = []
        told = iter(outputs)
        for output in told:
            vectors = _checked(output)
            if self._is_flipped:
                vectors = vectors + _checked(next(told))
            lengths = np.sqrt(np.sum(np.square(vectors), axis=1, keepdims=True))
            if not lengths.all():
                raise OutputError("feature", "is 0 everywhere, which describes nothing")
            found += list(vectors / lengths)
        return {"feature": found}


TASK = ImageFeature


def _checked(output: Arrays) -> np.ndarray[Any, Any]:
    vectors = output["feature"]
    check_shape("feature", vectors, None, None)
    if not np.isfinite(vectors).all():
        raise OutputError("feature", "is not finite")
    return vectors
