"""video_classification: the best classes of what happens in a video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from hpi_runtime.errors import EngineError, InputError
from hpi_runtime.inputs.clips import Clip
from hpi_runtime.pictures import Image, transforms
from hpi_runtime.tasks.base import Arrays, Batch, Feeds, OutputError, Task, batched, check_shape, chunks
from hpi_runtime.tasks.best import Best

_WIDE = 4.0 / 3.0
_MOST_FRAMES = 1024
# PaddleX 3.7.2's, where ``inference.yml`` says nothing.
_SHORT, _CROP = 224, 224
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VideoClassification(Task):
    """Frames from all over a video, resized to 4 by 3, cropped in the middle, normalised."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms and the labels."""
        super().__init__(config, settings, batch_size)
        steps = transforms.operations(config)
        reading = steps["ReadVideo"]
        self._segments, self._length = int(reading.get("num_seg", 8)), int(reading.get("seg_len", 1))
        if self._segments * self._length > _MOST_FRAMES:
            told = f"ReadVideo takes {self._segments} × {self._length} frames of a clip"
            raise EngineError(f"{told}; known here: up to {_MOST_FRAMES}")
        self._short = int(steps["Scale"].get("short_size", _SHORT))
        self._side = int(steps["CenterCrop"].get("target_size", _CROP))
        normal = steps["NormalizeVideo"]
        self._mean, self._std = (
            np.array(normal.get(key, usual), np.float32) for key, usual in (("mean", _MEAN), ("std", _STD))
        )
        self._best = Best((config.get("PostProcess") or {}).get("Topk") or {}, self.setting("topk"))

    def feeds(self, values: Mapping[str, Sequence[Clip]]) -> Feeds:
        """Stack clips into batches."""
        groups = chunks(values["clip"], self.batch_size)
        return Feeds(({"clip": batched([self._frames(clip) for clip in group])} for group in groups), None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``class_ids``, ``scores`` and ``label_names``."""
        return self._best.of(row for output in outputs for row in _softmax(output["scores"]))

    def _frames(self, clip: Clip) -> Batch:
        """Return frames × channels × height × width."""
        found = np.stack(clip.frames(self._places(clip.count), self._small)).astype(np.float32) / np.float32(255)
        found -= self._mean
        found /= self._std
        return np.ascontiguousarray(found.transpose(0, 3, 1, 2))

    def _places(self, count: int) -> list[int]:
        """Return which frames are looked at: those in the middle of equal parts, as PaddleX takes them."""
        part = count // self._segments
        before = (part - 1) // 2 if part >= self._length else 0
        # Of fewer frames than parts, one after the other, and from the first again.
        starts = (number * max(part, 1) + before for number in range(self._segments))
        return [(start + step) % count for start in starts for step in range(self._length)]

    def _small(self, frame: Image) -> Image:
        height, width = frame.shape[:2]
        if min(height, width) != self._short:
            long = int(self._short * _WIDE)
            size = (self._short, long) if width <= height else (long, self._short)
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)
            height, width = frame.shape[:2]
        if min(height, width) < self._side:
            told = f"the frames have {width} × {height} pixels, and the model looks at {self._side} × {self._side}"
            raise InputError("INPUT_UNSUPPORTED", told)
        left, top = (round((side - self._side) / 2.0) for side in (width, height))
        part = frame[top : top + self._side, left : left + self._side]
        return np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2RGB))


TASK = VideoClassification


def _softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    check_shape("scores", scores, None, None)
    if not np.isfinite(scores).all():
        raise OutputError("scores", "is not finite")
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
