"""keypoint_detection: the joints of a person, refined between pixels (DARK, arxiv.org/abs/1910.06278)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.detector import Preprocess
from hpi_runtime.pictures.transforms import operations
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, batched, check_shape, chunks

Array = np.ndarray[Any, Any]

_AFFINE = "TopDownEvalAffine"
# By how much more than the box of a person the network sees.
_PADDING = 1.25
# Left and right joints, which change places in a mirror.
_PAIRS = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]
_BLUR, _BORDER = (3, 3), 1
# Whose mirrored maps are one pixel beside the others.
_SHIFTED = "PP-TinyPose"


class _Place(NamedTuple):
    """What of a picture the network sees: a middle, and the width and height around it."""

    centre: Array
    scale: Array


class KeypointDetection(Task):
    """A network that says for each joint how likely it is at each place."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the operations."""
        super().__init__(config, settings, batch_size)
        affine = operations(config)[_AFFINE]
        self._size: tuple[int, int] = (int(affine["trainsize"][0]), int(affine["trainsize"][1]))
        self._is_unbiased = bool(self.setting("use_udp", affine.get("use_udp", False)))
        self._is_flipped = bool(self.setting("flip", False))
        rest = [item for item in processing.transforms(config) if _AFFINE not in item]
        listed = [{"type": name, **(given or {})} for item in rest for name, given in item.items()]
        self._prepare = Preprocess({"Preprocess": listed}, None)

    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        """Cut people out, and stack them into batches; with ``flip``, each batch comes again, mirrored."""
        boxes = values.get("box") or [None] * len(values["image"])
        places = [self._place(image, box) for image, box in zip(values["image"], boxes, strict=True)]
        batches: list[Arrays] = []
        for group in chunks(list(zip(values["image"], places, strict=True)), self.batch_size):
            stacked = batched([self._prepare(self._cut(*item)).planes for item in group])
            batches.append({"image": stacked})
            if self._is_flipped:
                batches.append({"image": np.ascontiguousarray(stacked[..., ::-1])})
        return Feeds(batches, places)

    def read(self, outputs: Iterable[Arrays], context: list[_Place]) -> dict[str, list[Any]]:
        """Return ``kpts``: for each picture one person, with ``keypoints`` (x, y and score each) and ``kpt_score``."""
        maps: list[Array] = []
        told = iter(outputs)
        for output in told:
            heatmaps = _checked(output)
            if self._is_flipped:
                heatmaps = np.asarray((heatmaps + self._mirrored(_checked(next(told)))) * np.float32(0.5))
            maps += list(heatmaps)
        return {"kpts": [[_person(own, place)] for own, place in zip(maps, context, strict=True)]}

    def _place(self, image: Image, box: Sequence[float] | None) -> _Place:
        if box is None:
            size = np.array([image.shape[1], image.shape[0]])
            return _Place(size / 2.0, size)
        left, top, right, bottom = box
        aspect = self._size[0] / self._size[1]
        width, height = right - left, bottom - top
        width, height = max(width, aspect * height), max(height, width / aspect)
        return _Place(np.array([left + right, top + bottom]) * 0.5, np.array([width, height]) * _PADDING)

    def _cut(self, image: Image, place: _Place) -> Image:
        matrix = self._unbiased(place) if self._is_unbiased else _matrix(place, self._size)
        return np.asarray(cv2.warpAffine(image, matrix, self._size, flags=cv2.INTER_LINEAR), np.uint8)

    def _unbiased(self, place: _Place) -> Array:
        """Return the matrix that counts pixels from the middle of the first one (arxiv.org/abs/1911.07524)."""
        across, down = ((side - 1.0) / own for side, own in zip(self._size, place.scale, strict=True))
        (x, y), (width, height) = place.centre, place.scale
        return np.array([[across, 0, across * (-x + 0.5 * width)], [0, down, down * (-y + 0.5 * height)]], np.float32)

    def _mirrored(self, heatmaps: Array) -> Array:
        """Return the maps of mirrored pictures as those of the pictures."""
        found = np.array(heatmaps[..., ::-1])
        for left, right in _PAIRS:
            if right < found.shape[1]:
                found[:, [left, right]] = found[:, [right, left]]
        if _SHIFTED in self.model_name:
            found[..., 1:] = found[..., :-1].copy()
        return found


TASK = KeypointDetection


def _checked(output: Arrays) -> Array:
    heatmaps = output["heatmaps"]
    check_shape("heatmaps", heatmaps, None, None, None, None)
    if not np.isfinite(heatmaps).all():
        raise OutputError("heatmaps", "is not finite")
    return heatmaps


def _person(heatmaps: Array, place: _Place) -> dict[str, Any]:
    count, height, width = heatmaps.shape
    flat = heatmaps.reshape(count, -1)
    scores = flat.max(axis=1)
    best = flat.argmax(axis=1)
    points = np.stack([best % width, best // width], axis=1).astype(np.float32) * (scores > 0)[:, None]
    refined = [_refined(own, point) for own, point in zip(heatmaps, points, strict=True)]
    matrix = _matrix(place, (width, height), is_back=True)
    joints = [
        [*(matrix @ np.array([point[0], point[1], 1.0])).tolist(), float(score)]
        for point, score in zip(refined, scores, strict=True)
    ]
    return {"keypoints": joints, "kpt_score": float(np.mean(scores))}


def _refined(heatmap: Array, point: Array) -> Array:
    """Return where the top of a map is, between pixels: where the slope of its logarithm is 0."""
    x, y = int(point[0]), int(point[1])
    height, width = heatmap.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return point
    own = np.log(np.maximum(_blurred(heatmap), np.float32(1e-10)))
    slope = np.array([own[y, x + 1] - own[y, x - 1], own[y + 1, x] - own[y - 1, x]]) * np.float32(0.5)
    across = own[y, x + 2] - 2 * own[y, x] + own[y, x - 2]
    down = own[y + 2, x] - 2 * own[y, x] + own[y - 2, x]
    both = own[y + 1, x + 1] - own[y - 1, x + 1] - own[y + 1, x - 1] + own[y - 1, x - 1]
    bend = np.array([[across, both], [both, down]]) * np.float32(0.25)
    if bend[0, 0] * bend[1, 1] - bend[0, 1] ** 2 == 0:
        return point
    return np.asarray(point - np.linalg.inv(bend) @ slope, np.float32)


def _blurred(heatmap: Array) -> Array:
    """Return a map blurred, with nothing around it, and as high as it was."""
    padded = cv2.GaussianBlur(np.pad(heatmap.astype(np.float64), _BORDER), _BLUR, 0)
    found = np.asarray(padded[_BORDER:-_BORDER, _BORDER:-_BORDER], np.float32)
    top = found.max()
    return found if top == 0 else np.asarray(found * (heatmap.max() / top))


def _matrix(place: _Place, size: tuple[int, int], is_back: bool = False) -> Array:
    """Return the matrix from a picture to what the network sees of it, or back."""
    source, target = _corner(place.centre, place.scale[0]), _corner(np.array(size) * 0.5, size[0])
    return np.asarray(cv2.getAffineTransform(target, source) if is_back else cv2.getAffineTransform(source, target))


def _corner(middle: Array, width: float) -> Array:
    """Return three points that say where a part is: its middle, half its width above, and as far to the side."""
    points = np.zeros((3, 2), np.float32)
    points[0] = middle
    points[1] = middle + np.array([0.0, width * -0.5])
    across, down = points[0] - points[1]
    points[2] = points[1] + np.array([-down, across], np.float32)
    return points
