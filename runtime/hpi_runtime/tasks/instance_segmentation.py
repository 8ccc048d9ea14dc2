"""instance_segmentation: boxes around things, each with its class and its outline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.detector import Preprocess
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, check_scores, check_shape

_CLASS, _SCORE, _CORNERS = 0, 1, slice(2, 6)
_COLUMNS = 6


class InstanceSegmentation(Task):
    """The model gives boxes with masks; what of them counts is decided here."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the operations and what decides about boxes; the plan's threshold comes before the model's."""
        super().__init__(config, settings, batch_size)
        self._prepare = Preprocess(config, None)
        own = processing.postprocess(config)
        self._labels = [str(label) for label in own["label_list"]]
        self._threshold = float(self.setting("threshold", own["draw_threshold"]))

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Make a batch of each picture."""
        batches: list[Arrays] = []
        sizes = []
        for image in values["image"]:
            seen = self._prepare(image)
            told = {"im_shape": np.array([seen.size], np.float32), "scale_factor": np.array([seen.scale], np.float32)}
            batches.append({"image": seen.planes[None], **told})
            sizes.append((image.shape[1], image.shape[0]))
        return Feeds(batches, sizes)

    def read(self, outputs: Iterable[Arrays], context: list[tuple[int, int]]) -> dict[str, list[Any]]:
        """Return ``boxes`` (``cls_id``, ``label``, ``score``, ``coordinate``) and the part of its mask in each.

        ``masks`` are as high and wide as their boxes in whole pixels, 1 where the thing is.
        """
        found: dict[str, list[Any]] = {"boxes": [], "masks": []}
        for output, size in zip(outputs, context, strict=True):
            boxes, masks = self._found(output, size)
            found["boxes"].append(boxes)
            found["masks"].append(masks)
        return found

    def _found(self, output: Arrays, size: tuple[int, int]) -> tuple[list[dict[str, Any]], list[Any]]:
        rows, masks = output["boxes"], output["masks"]
        check_shape("boxes", rows, None, _COLUMNS)
        count = int(output["counts"].reshape(-1)[:1].sum())
        check_shape("masks", masks, None, None, None)
        if not 0 <= count <= min(len(rows), len(masks)):
            raise OutputError("counts", f"counts {count} boxes, and there are {len(rows)} and {len(masks)} masks")
        boxes, kept = [], []
        for row, mask in zip(rows[:count], masks[:count], strict=True):
            if row[_SCORE] <= self._threshold or row[_CLASS] <= -1:
                continue
            corners = np.clip(row[_CORNERS], 0, [*size, *size])
            if not np.isfinite(row).all():
                raise OutputError("boxes", "is not finite")
            left, top, right, bottom = corners
            if right <= left or bottom <= top:
                continue
            check_scores("boxes", row[_SCORE : _SCORE + 1])
            boxes.append(self._described(row, corners))
            left, top, right, bottom = (round(float(side)) for side in corners)
            kept.append(mask[top:bottom, left:right])
        return boxes, kept

    def _described(self, row: Any, corners: Any) -> dict[str, Any]:
        number = int(row[_CLASS])
        if number >= len(self._labels):
            message = f"has the class {number}, and the label_list of inference.yml has {len(self._labels)} entries"
            raise OutputError("boxes", message)
        sides = [float(side) for side in corners]
        return {"cls_id": number, "label": self._labels[number], "score": float(row[_SCORE]), "coordinate": sides}


TASK = InstanceSegmentation
