"""image_classification: the best classes of a picture, which may be the angles by which pages and lines are turned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from hpi_runtime.pictures import Image, transforms
from hpi_runtime.tasks.base import Arrays, Batch, Feeds, Task, check_scores, check_shape, chunks
from hpi_runtime.tasks.best import Best


class Classifier(Task):
    """What all classifications do to pictures: resize, crop, normalise."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms."""
        super().__init__(config, settings, batch_size)
        steps = transforms.operations(config)
        self._resize = transforms.Resize(**steps["ResizeImage"])
        self._crop = transforms.CenterCrop(**steps["CropImage"]) if "CropImage" in steps else None
        self._normalize = transforms.Normalize(**steps["NormalizeImage"])

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Stack the pictures into batches; with ``resize_short`` alone, only equal sizes share one."""
        small = [self._small(image) for image in values["image"]]
        batches: list[Batch] = []
        for group in chunks(small, self.batch_size):
            if len({image.shape for image in group}) > 1:
                batches.extend(self._normalize(image)[np.newaxis] for image in group)
                continue
            batch = np.empty((len(group), 3, *group[0].shape[:2]), np.float32)
            for image, out in zip(group, batch, strict=True):
                self._normalize(image, out)
            batches.append(batch)
        return Feeds([{"image": batch} for batch in batches], None)

    def _small(self, image: Image) -> Image:
        resized = self._resize(image)
        small = resized if self._crop is None else self._crop(resized)
        # Channels are resized each by itself, so what is small already is turned to RGB: the same for less.
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))


class ImageClassification(Classifier):
    """The ``topk`` best classes, best first."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms and the labels."""
        super().__init__(config, settings, batch_size)
        self._best = Best((config.get("PostProcess") or {}).get("Topk") or {}, self.setting("topk"))

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``class_ids``, ``scores`` and ``label_names``."""
        return self._best.of(row for output in outputs for row in self._checked(output["probabilities"]))

    @staticmethod
    def _checked(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        check_shape("probabilities", output, None, None)
        check_scores("probabilities", output)
        return output


TASK = ImageClassification
