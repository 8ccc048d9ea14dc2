"""text_recognition: the text of a line, by connectionist temporal classification."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from hpi_runtime.documents.words import Columns
from hpi_runtime.pictures import Image, transforms
from hpi_runtime.tasks.base import (
    SCORE_DECIMALS,
    Arrays,
    Batch,
    Feeds,
    Task,
    check_scores,
    check_shape,
    chunks,
    rounded_up,
)

_MAX_WIDTH = 3200
_BLANK = 0
# Written right to left, and put into reading order by the Unicode algorithm.
_RIGHT_TO_LEFT = ("arabic_PP-OCRv3_mobile_rec", "arabic_PP-OCRv5_mobile_rec")


class _Lines(NamedTuple):
    # Their places among the pictures, in the order in which they were batched, and width ÷ height of each.
    order: list[int]
    ratios: list[float]


class TextRecognition(Task):
    """Lines of similar width share a batch, padded on the right to its widest.

    The settings ``min_width`` and ``width_step`` (pixels) say how wide a line is at least, and of what the width of a
    batch is a multiple: backends compile something for every new shape.
    """

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the shape of the input and the dictionary."""
        super().__init__(config, settings, batch_size)
        steps = transforms.operations(config)
        post = config.get("PostProcess") or {}
        self._characters = ["", *map(str, post["character_dict"]), " "]
        self._is_bgr = str(steps.get("DecodeImage", {}).get("img_mode", "RGB")).upper() == "BGR"
        shape = steps["RecResizeImg"]["image_shape"]
        self._height, self._width = int(shape[1]), int(shape[2])
        self._fixed = self.setting("input_shape")
        self._least = int(self.setting("min_width", self._width))
        self._step = int(self.setting("width_step", 1))
        self._is_reversed = self.model_name in _RIGHT_TO_LEFT
        self._gives_columns = bool(self.setting("return_word_box", False))
        values = np.arange(256, dtype=np.float32)
        self._table = (values / np.float32(255) - np.float32(0.5)) / np.float32(0.5)

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Sort lines by their proportions and stack them; ``context`` is their order."""
        images = values["image"]
        order = sorted(range(len(images)), key=lambda index: images[index].shape[1] / images[index].shape[0])
        groups = chunks(order, self.batch_size)
        batches = ({"image": self._batch([images[index] for index in group])} for group in groups)
        ratios = [images[index].shape[1] / images[index].shape[0] for index in order]
        return Feeds(batches, _Lines(order, ratios))

    def _batch(self, lines: Sequence[Image]) -> Batch:
        sizes = [self._size(line) for line in lines]
        height = self._height if self._fixed is None else int(self._fixed[1])
        # Zero is grey after normalisation: the padding.
        batch = np.zeros((len(lines), 3, height, max(full for full, _ in sizes)), np.float32)
        for line, (_, width), out in zip(lines, sizes, batch, strict=True):
            small = np.asarray(cv2.resize(line, (width, height)))
            planes = cv2.split(small) if self._is_bgr else cv2.split(small)[::-1]
            for plane, target in zip(planes, out, strict=True):
                cv2.LUT(plane, self._table, target[:, :width])
        return batch

    def _size(self, line: Image) -> tuple[int, int]:
        """Return the padded width of a line and the width of its picture in it."""
        if self._fixed is not None:
            return int(self._fixed[2]), int(self._fixed[2])
        ratio = line.shape[1] / line.shape[0]
        full = int(self._height * max(self._least / self._height, ratio))
        if full > _MAX_WIDTH:
            return _MAX_WIDTH, _MAX_WIDTH
        return rounded_up(full, self._step), max(1, min(full, math.ceil(self._height * ratio)))

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``rec_text`` and ``rec_score`` (the mean over the characters; 0 for no text).

        With the setting ``return_word_box``, ``columns`` says where each character was read, else None.
        """
        texts: list[str] = [""] * len(context.order)
        scores: list[float] = [0.0] * len(context.order)
        columns: list[Columns | None] = [None] * len(context.order)
        place = 0
        for output in outputs:
            rows = self._checked(output["probabilities"])
            ratios = context.ratios[place : place + len(rows)]
            widest = max(self._least / self._height, *ratios)
            for index, probabilities, ratio in zip(context.order[place:], rows, ratios, strict=False):
                steps, text, scores[index] = self._decode(probabilities)
                texts[index] = self._displayed(text)
                if self._gives_columns:
                    columns[index] = Columns(text, steps.tolist(), self._seen(len(probabilities), widest, ratio))
            place += len(rows)
        return {"rec_text": texts, "rec_score": scores, "columns": columns}

    def _seen(self, count: int, widest: float, ratio: float) -> float:
        """Return how many of the columns of a line are not padding; it is a part of the widest line of its batch."""
        full = int(self._height * widest)
        return count * full / rounded_up(full, self._step) * (ratio / widest)

    def _checked(self, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        check_shape("probabilities", output, None, None, len(self._characters))
        return output

    def _decode(self, probabilities: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], str, float]:
        best = probabilities.argmax(axis=1)
        # The best of each step: NaN is the greatest there is to argmax.
        check_scores("probabilities", np.take_along_axis(probabilities, best[:, np.newaxis], axis=1))
        keep = best != _BLANK
        keep[1:] &= best[1:] != best[:-1]
        steps = np.flatnonzero(keep)
        if not len(steps):
            return steps, "", 0.0
        text = "".join(self._characters[index] for index in best[steps])
        score = float(np.mean(probabilities[steps, best[steps]]))
        return steps, text, round(score, SCORE_DECIMALS)

    def _displayed(self, text: str) -> str:
        if not self._is_reversed:
            return text
        from bidi.algorithm import get_display

        displayed: str = get_display(text)
        return displayed


TASK = TextRecognition
