"""semantic_segmentation: what each pixel of a picture belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.deploy import Deploy
from hpi_runtime.tasks.base import Arrays, Feeds, Task, batched, check_shape, chunks

# What PaddleX takes where inference.yml says nothing.
_RESIZE = {"keep_ratio": True, "size_divisor": 32}


class SemanticSegmentation(Task):
    """A network that gives the number of the class of each pixel."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the operations; the plan's size comes before the model's."""
        super().__init__(config, settings, batch_size)
        self._prepare = Deploy(config, _RESIZE, self.setting("target_size"))

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Stack pictures into batches; only those that the network sees in one size share one."""
        batches: list[Arrays] = []
        sizes: list[list[tuple[int, int]]] = []
        for group in chunks(values["image"], self.batch_size):
            seen = [self._prepare(image) for image in group]
            cuts = [0, *(end for end in range(1, len(seen)) if seen[end].shape != seen[end - 1].shape), len(seen)]
            for first, last in pairwise(cuts):
                batches.append({"image": batched(seen[first:last])})
                sizes.append([(image.shape[1], image.shape[0]) for image in group[first:last]])
        return Feeds(batches, sizes)

    def read(self, outputs: Iterable[Arrays], context: list[list[tuple[int, int]]]) -> dict[str, list[Any]]:
        """Return ``pred``: for each picture 1 × height × width numbers of classes, int32."""
        found: list[Any] = []
        for output, sizes in zip(outputs, context, strict=True):
            check_shape("labels", output["labels"], len(sizes), None, None)
            for labels, size in zip(output["labels"].astype(np.int32), sizes, strict=True):
                found.append(np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST))[None])
        return {"pred": found}


TASK = SemanticSegmentation
