"""Detection: boxes around things, each with its class. One family serves all tasks that share PaddleX's detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.errors import EngineError
from hpi_runtime.pictures import Image
from hpi_runtime.pictures import boxes as rules
from hpi_runtime.pictures.detector import Preprocess, Seen
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, batched, check_scores, chunks

Boxes = np.ndarray[Any, Any]

# Columns of the model's boxes: class, score, two corners; then perhaps their place in reading order.
_CLASS, _SCORE, _CORNERS = 0, 1, slice(2, None)
_PLAIN, _ORDERED, _ORDERED_TWICE, _ROTATED = 6, 7, 8, 10
# What a class scores at least where thresholds are given by class and not for it.
_THRESHOLD = 0.5


class _Context(NamedTuple):
    # Width and height of each picture, batch by batch.
    sizes: list[list[tuple[int, int]]]


class Detection(Task):
    """The model gives boxes; what of them counts is decided here."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the operations and what decides about boxes; the plan's settings come before the model's."""
        super().__init__(config, settings, batch_size)
        self._prepare = Preprocess(config, _sides(self.setting("img_size")))
        own = processing.postprocess(config)
        self._labels = [str(label) for label in own["label_list"]]
        threshold = self.setting("threshold", own.get("draw_threshold", _THRESHOLD))
        self._threshold = _by_class(threshold, "threshold", float)
        # As in PaddleX, false does not switch off what the model asks for.
        self._rules = rules.Rules(
            labels=self._labels,
            nms=bool(self.setting("layout_nms") or own.get("layout_nms")),
            merge=_by_class(
                self.setting("layout_merge_bboxes_mode", own.get("layout_merge_bboxes_mode")),
                "layout_merge_bboxes_mode",
                _mode,
            ),
            unclip=_by_class(
                self.setting("layout_unclip_ratio", own.get("layout_unclip_ratio")), "layout_unclip_ratio", _ratios
            ),
        )

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Stack pictures into batches; only those that the network sees in one size share one."""
        batches: list[Arrays] = []
        context = _Context([])
        for group in chunks(values["image"], self.batch_size):
            seen = [self._prepare(image) for image in group]
            sizes = [(image.shape[1], image.shape[0]) for image in group]
            cuts = [0, *(place for place in range(1, len(seen)) if _differ(seen[place - 1], seen[place])), len(seen)]
            for first, last in pairwise(cuts):
                batches.append(_batch(seen[first:last]))
                context.sizes.append(sizes[first:last])
        return Feeds(batches, context)

    def read(self, outputs: Iterable[Arrays], context: _Context) -> dict[str, list[Any]]:
        """Return ``boxes``: for each picture a list of ``cls_id``, ``label``, ``score`` and ``coordinate``.

        The coordinates are pixels of the picture: left, top, right, bottom, or the four corners of rotated boxes.
        """
        found: list[Any] = []
        for output, sizes in zip(outputs, context.sizes, strict=True):
            parts = _split(output["boxes"], output["counts"], len(sizes))
            found += [self._described(part, size) for part, size in zip(parts, sizes, strict=True)]
        return {"boxes": found}

    def _described(self, boxes: Boxes, size: tuple[int, int]) -> list[dict[str, Any]]:
        kept = rules.kept(self._scored(boxes), self._rules, size)
        if not len(kept):
            return []
        check_scores("boxes", kept[:, _SCORE])
        kept = _in_order(kept)
        if kept.shape[1] == _PLAIN:
            kept = rules.unclipped(kept, self._rules.unclip)
        limits = np.array(size * (4 if kept.shape[1] == _ROTATED else 2), np.float32)
        corners = np.clip(kept[:, _CORNERS], 0, limits)
        described = []
        for box, sides in zip(kept, corners, strict=True):
            if kept.shape[1] != _ROTATED and (sides[2] <= sides[0] or sides[3] <= sides[1]):
                continue
            described.append(
                {
                    "cls_id": int(box[_CLASS]),
                    "label": self._label(int(box[_CLASS])),
                    "score": float(box[_SCORE]),
                    "coordinate": [float(side) for side in sides],
                }
            )
        return described

    def _scored(self, boxes: Boxes) -> Boxes:
        """Return the boxes that score more than their threshold; those by class come class by class, as in PaddleX."""
        if not isinstance(self._threshold, Mapping):
            counts = (boxes[:, _SCORE] > self._threshold) & (boxes[:, _CLASS] > -1)
            return np.asarray(boxes[counts])
        parts = []
        for number in np.unique(boxes[:, _CLASS]):
            own = boxes[boxes[:, _CLASS] == number]
            threshold = self._threshold.get(int(number), _THRESHOLD)
            parts.append(own[(own[:, _SCORE] > threshold) & (own[:, _CLASS] > -1)])
        return np.vstack(parts) if parts else boxes

    def _label(self, number: int) -> str:
        if number >= len(self._labels):
            message = f"has the class {number}, and the label_list of inference.yml has {len(self._labels)} entries"
            raise OutputError("boxes", message)
        return self._labels[number]


TASK = Detection


def _sides(size: Any) -> tuple[int, int] | None:
    """Return the height and width of ``img_size``; a single number is both."""
    if size is None:
        return None
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _differ(one: Seen, other: Seen) -> bool:
    return bool(one.planes.shape != other.planes.shape)


def _batch(seen: Sequence[Seen]) -> Arrays:
    return {
        "image": batched([item.planes for item in seen]),
        "im_shape": np.array([item.size for item in seen], np.float32),
        "scale_factor": np.array([item.scale for item in seen], np.float32),
    }


def _split(boxes: Boxes, counts: Boxes, pictures: int) -> list[Boxes]:
    """Return the boxes of each picture.

    Raises:
        OutputError: they have no columns that are known here, are not finite, or are fewer than counted.
    """
    if boxes.ndim != 2 or boxes.shape[1] not in (_PLAIN, _ORDERED, _ORDERED_TWICE, _ROTATED):
        raise OutputError("boxes", f"has the shape {boxes.shape}, not (?, 6), (?, 7), (?, 8) or (?, 10)")
    numbers = counts.reshape(-1)
    if len(numbers) != pictures or (numbers < 0).any() or numbers.sum() > len(boxes):
        message = f"counts {numbers.tolist()} boxes for {pictures} pictures, and there are {len(boxes)}"
        raise OutputError("counts", message)
    if not np.isfinite(boxes).all():
        raise OutputError("boxes", "is not finite")
    ends = np.cumsum(numbers)
    return [boxes[end - number : end] for number, end in zip(numbers, ends, strict=True)]


def _in_order(boxes: Boxes) -> Boxes:
    """Return boxes by their place in reading order, without it."""
    if boxes.shape[1] == _ORDERED_TWICE:
        return boxes[np.lexsort((-boxes[:, 7], boxes[:, 6]))][:, :_PLAIN]
    if boxes.shape[1] == _ORDERED:
        return boxes[np.argsort(boxes[:, 6])][:, :_PLAIN]
    return boxes


def _by_class(value: Any, name: str, read: Any) -> Any:
    """Return a setting that is one value, or one for each class by its number.

    Raises:
        EngineError: it is neither.
    """
    if value is None:
        return None
    try:
        if isinstance(value, Mapping):
            return {int(key): read(item) for key, item in value.items()}
        return read(value)
    except (TypeError, ValueError):
        raise EngineError(f"`{name}` cannot be {value}") from None


def _mode(value: Any) -> str:
    if value not in rules.MODES:
        raise ValueError(value)
    return str(value)


def _ratios(value: Any) -> tuple[float, float]:
    width, height = (value, value) if isinstance(value, (int, float)) else value
    return float(width), float(height)
