"""text_detection: boxes around lines of text, by differentiable binarisation (arxiv.org/abs/1911.08947)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyclipper

from hpi_runtime.errors import EngineError
from hpi_runtime.pictures import Image, transforms
from hpi_runtime.pictures.geometry import Points, min_area_box
from hpi_runtime.tasks.base import SCORE_DECIMALS, Arrays, Feeds, Task, check_scores, check_shape, rounded_up

# PaddleX 3.7.2 shrinks pages for these models and enlarges them for others, where nobody says a limit.
_SHRUNK = frozenset(
    (
        *("PP-OCRv3_mobile_det", "PP-OCRv3_server_det", "PP-OCRv4_mobile_det", "PP-OCRv4_server_det"),
        *("PP-OCRv5_mobile_det", "PP-OCRv5_server_det"),
        *("PP-OCRv6_medium_det", "PP-OCRv6_small_det", "PP-OCRv6_tiny_det"),
    )
)
# The network halves its input five times.
_STRIDE = 32
_SMALL_SUM = 64
# The shortest side of a box, before and after it is widened.
_MIN_SIDE, MIN_WIDE_SIDE = 3, 5


class Page(NamedTuple):
    """A page, and what the network saw of it.

    Attributes:
        height, width: in pixels.
        seen: height and width of what the network saw, without the padding.
    """

    height: int
    width: int
    seen: tuple[int, int]

    def scaled(self, points: Points, shape: tuple[int, ...]) -> Points:
        """Return points of a map of this height and width as pixels of the page, n × 2, int32."""
        limits = np.array([self.width, self.height])
        return np.asarray(np.clip(np.rint(points * (limits / (shape[1], shape[0]))), 0, limits).astype(np.int32))


class TextDetection(Task):
    """Resize to multiples of 32, normalise; then contours of the probability map become boxes."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms and thresholds; the plan's settings come before the model's."""
        super().__init__(config, settings, batch_size)
        steps = transforms.operations(config)
        self._is_bgr = str(steps.get("DecodeImage", {}).get("img_mode", "RGB")).upper() == "BGR"
        self._resize = _Resize(self, steps.get("DetResizeForTest", {}))
        self._normalize = transforms.Normalize(**steps.get("NormalizeImage", {}))
        post = config.get("PostProcess") or {}
        self._thresh = float(self.setting("thresh", post.get("thresh", 0.3)))
        self.box_thresh = float(self.setting("box_thresh", post.get("box_thresh", 0.6)))
        self.unclip_ratio = float(self.setting("unclip_ratio", post.get("unclip_ratio", 2.0)))
        self._step = int(self.setting("size_step", 1))
        self._max_candidates = int(post.get("max_candidates", 1000))
        self._use_dilation = bool(post.get("use_dilation", False))
        self._is_slow_score = post.get("score_mode", "fast") == "slow"

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Make a batch of each picture: sizes differ.

        With the setting ``size_step`` (pixels) they are padded on the right and below to a multiple of it: backends
        compile something for every new shape.
        """
        batches, pages = [], []
        for image in values["image"]:
            small = self._resize(image)
            colours = small if self._is_bgr else np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
            height, width = small.shape[:2]
            batch = np.zeros((1, 3, rounded_up(height, self._step), rounded_up(width, self._step)), np.float32)
            self._normalize(colours, batch[0, :, :height, :width])
            batches.append({"image": batch})
            pages.append(Page(image.shape[0], image.shape[1], (height, width)))
        return Feeds(batches, pages)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``dt_polys`` (boxes × 4 × 2, int32, clockwise from top left) and ``dt_scores``."""
        values: dict[str, list[Any]] = {"dt_polys": [], "dt_scores": []}
        for output, page in zip(outputs, context, strict=True):
            height, width = page.seen
            found = output["probabilities"]
            check_shape("probabilities", found, 1, 1, *(rounded_up(side, self._step) for side in page.seen))
            check_scores("probabilities", found)
            polys, scores = self.found(found[0, 0, :height, :width], page)
            values["dt_polys"].append(polys)
            values["dt_scores"].append(scores)
        return values

    def contours(self, probabilities: Points) -> Sequence[Points]:
        """Return the contours of what is text in a map of probabilities."""
        mask = (probabilities > self._thresh).astype(np.uint8)
        if self._use_dilation:
            mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)))
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        return contours[: self._max_candidates]

    def found(self, probabilities: Points, page: Page) -> tuple[Any, list[float]]:
        """Return the boxes in a map of probabilities, n × 4 × 2, int32, and their scores."""
        boxes: list[Points] = []
        scores: list[float] = []
        for contour in self.contours(probabilities):
            corners, side = min_area_box(contour)
            if side < _MIN_SIDE:
                continue
            score = mean_inside(probabilities, contour.reshape(-1, 2) if self._is_slow_score else corners)
            if score < self.box_thresh:
                continue
            wide, side = min_area_box(np.array(widened(corners, self.unclip_ratio)[0]).reshape(-1, 1, 2))
            if side < MIN_WIDE_SIDE:
                continue
            boxes.append(page.scaled(wide, probabilities.shape))
            scores.append(round(score, SCORE_DECIMALS))
        return np.array(boxes, np.int32).reshape(-1, 4, 2), scores


class _Resize:
    """``DetResizeForTest``, with the plan's settings before the model's."""

    def __init__(self, task: TextDetection, arguments: Mapping[str, Any]) -> None:
        self._shape = task.setting("input_shape")
        self._image_shape = arguments.get("image_shape")
        self._keep_ratio = bool(arguments.get("keep_ratio", False))
        is_limited = task.model_name in _SHRUNK
        limit, kind = (960, "max") if is_limited else (736, "min")
        self._limit = int(
            task.setting("limit_side_len", arguments.get("limit_side_len", arguments.get("resize_long", limit)))
        )
        self._kind = str(task.setting("limit_type", arguments.get("limit_type", kind)))
        self._max_side = int(task.setting("max_side_limit", 4000))
        if self._kind not in ("min", "max", "resize_long"):
            raise EngineError(f"unknown limit_type {self._kind}")

    def __call__(self, image: Image) -> Image:
        """Return the picture in a size that the network takes."""
        height, width = image.shape[:2]
        if height + width < _SMALL_SUM:
            image = np.pad(image, ((0, max(0, 32 - height)), (0, max(0, 32 - width)), (0, 0)))
        new_width, new_height = self._size(*image.shape[:2])
        if (new_height, new_width) == image.shape[:2]:
            return image
        return np.asarray(cv2.resize(image, (new_width, new_height)))

    def _size(self, height: int, width: int) -> tuple[int, int]:
        if self._shape is not None:
            return int(self._shape[2]), int(self._shape[1])
        if self._image_shape is not None:
            new_height, new_width = self._image_shape
            if self._keep_ratio:
                new_width = math.ceil(width * new_height / height / _STRIDE) * _STRIDE
            return int(new_width), int(new_height)
        return self._limited(height, width)

    def _limited(self, height: int, width: int) -> tuple[int, int]:
        ratio = 1.0
        if self._kind == "resize_long" or (self._kind == "max" and max(height, width) > self._limit):
            ratio = self._limit / max(height, width)
        elif self._kind == "min" and min(height, width) < self._limit:
            ratio = self._limit / min(height, width)
        sides = [int(width * ratio), int(height * ratio)]
        if max(sides) > self._max_side:
            shrink = self._max_side / max(sides)
            sides = [int(side * shrink) for side in sides]
        new_width, new_height = (max(round(side / _STRIDE) * _STRIDE, _STRIDE) for side in sides)
        return new_width, new_height


def mean_inside(probabilities: Points, polygon: Points) -> float:
    """Return the mean probability inside a polygon."""
    height, width = probabilities.shape
    left, top = np.clip(np.floor(polygon.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(polygon.max(axis=0)).astype(int), 0, (width - 1, height - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(polygon - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0])


def widened(outline: Points, ratio: float) -> Any:
    """Return what an outline becomes when it grows by area × ratio ÷ perimeter on all sides, with rounded corners."""
    distance = cv2.contourArea(outline) * ratio / cv2.arcLength(outline, True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(outline, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return offset.Execute(distance)


TASK = TextDetection
