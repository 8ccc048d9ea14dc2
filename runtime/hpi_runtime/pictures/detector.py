"""The operations of ``Preprocess`` in an ``inference.yml`` of PaddleDetection, on 8-bit RGB pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.errors import EngineError
from hpi_runtime.pictures import Image
from hpi_runtime.pictures.transforms import Normalize

Array = np.ndarray[Any, Any]

_INTERPOLATION = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
_CUBIC = 2
_GREY = [127.5, 127.5, 127.5]
# By how much CenterNet's sides are rounded up: to the next multiple of 32.
_AFFINE_PAD = 31


class Seen(NamedTuple):
    """A picture as the network sees it.

    Attributes:
        planes: 3 × height × width, float32.
        scale: by what its height and width were multiplied, without padding.
        size: its height and width after resizing, without padding.
    """

    planes: Array
    scale: tuple[float, float]
    size: tuple[int, int]


class Preprocess:
    """All operations of a configuration, in its order."""

    def __init__(self, config: Mapping[str, Any], size: tuple[int, int] | None) -> None:
        """Read the operations; ``size`` (height, width) takes the place of resizing.

        Raises:
            EngineError: the configuration has no operations.
        """
        listed = processing.transforms(config)
        if not isinstance(listed, list):
            raise EngineError("inference.yml has no usable Preprocess")
        known = [(name, arguments) for item in listed for name, arguments in item.items()]
        if size is not None:
            # PaddleX takes out a resizing that comes first, and puts its own there.
            rest = known[1:] if known and known[0][0] == "Resize" else known
            known = [("Resize", {"target_size": list(size)}), *rest]
        self._steps = [_STEPS[name](**arguments) for name, arguments in known]

    def __call__(self, image: Image) -> Seen:
        """Return what the network sees of a BGR picture."""
        height, width = image.shape[:2]
        array: Array = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        size, scale = (height, width), (1.0, 1.0)
        for step in self._steps:
            array = step(array)
            if isinstance(step, _Resize):
                size = (array.shape[0], array.shape[1])
                scale = (size[0] / height, size[1] / width)
        return Seen(np.asarray(array, np.float32), scale, size)


class _Resize:
    def __init__(self, target_size: Sequence[int], keep_ratio: bool = False, interp: int = _CUBIC) -> None:
        self._height, self._width = target_size
        self._keep_ratio = keep_ratio
        self._interpolation = _INTERPOLATION[interp]

    def __call__(self, image: Array) -> Array:
        height, width = image.shape[:2]
        new_height, new_width = self._height, self._width
        if self._keep_ratio:
            target = (self._height, self._width)
            scale = min(max(target) / max(height, width), min(target) / min(height, width))
            new_height, new_width = round(height * scale), round(width * scale)
        if (new_height, new_width) == (height, width):
            return image
        return np.asarray(cv2.resize(image, (new_width, new_height), interpolation=self._interpolation))


class _Normalize:
    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        is_scale: bool = True,
        norm_type: str | None = None,
    ) -> None:
        self._table = Normalize(mean, std, None if is_scale else 1.0)

    def __call__(self, image: Array) -> Array:
        if image.dtype == np.uint8:
            # A view: it is turned back when channels come first.
            return np.asarray(self._table(image).transpose(1, 2, 0))
        planes = [
            plane * np.float32(factor) + np.float32(offset)
            for plane, (factor, offset) in zip(cv2.split(image), self._table.lines, strict=True)
        ]
        return np.asarray(cv2.merge(planes), np.float32)


class _Permute:
    def __call__(self, image: Array) -> Array:
        return np.asarray(image.transpose(2, 0, 1))


class _Pad:
    def __init__(self, size: Sequence[int], fill_value: Sequence[float] | None = None) -> None:
        self._height, self._width = size
        self._fill = np.array(_GREY if fill_value is None else fill_value, np.float32)

    def __call__(self, image: Array) -> Array:
        height, width = image.shape[:2]
        if (height, width) == (self._height, self._width):
            return image
        if height > self._height or width > self._width:
            raise ValueError(f"a picture of {width}x{height} does not fit into {self._width}x{self._height} of Pad")
        canvas = np.empty((self._height, self._width, 3), np.float32)
        canvas[:] = self._fill
        canvas[:height, :width] = image
        return canvas


class _PadStride:
    def __init__(self, stride: int = 32) -> None:
        self._stride = stride

    def __call__(self, planes: Array) -> Array:
        if self._stride <= 0:
            return planes
        channels, height, width = planes.shape
        sides = (math.ceil(side / self._stride) * self._stride for side in (height, width))
        padded = np.zeros((channels, *sides), np.float32)
        padded[:, :height, :width] = planes
        return padded


class _WarpAffine:
    """CenterNet's: the middle of the picture in the middle of what the network sees, which is BGR."""

    def __init__(self, input_h: int = 512, input_w: int = 512, keep_res: bool = True) -> None:
        self._height, self._width, self._is_kept = input_h, input_w, keep_res

    def __call__(self, image: Array) -> Array:
        height, width = image.shape[:2]
        new_height, new_width = self._height, self._width
        span: float = max(height, width)
        middle = np.array([width / 2, height / 2], np.float32)
        if self._is_kept:
            new_height, new_width = (height | _AFFINE_PAD) + 1, (width | _AFFINE_PAD) + 1
            span = new_width
            middle = np.array([width // 2, height // 2], np.float32)
        source = _corner(middle, span)
        target = _corner(np.array([new_width * 0.5, new_height * 0.5], np.float32), new_width)
        matrix = cv2.getAffineTransform(source, target)
        colours = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)
        return np.asarray(cv2.warpAffine(colours, matrix, (new_width, new_height), flags=cv2.INTER_LINEAR))


def _corner(middle: Array, span: float) -> Array:
    """Return three points that say where a picture is: its middle, half its width above, and as far to the side."""
    above = middle + np.array([0, span * -0.5], np.float32)
    direction = middle - above
    side = above + np.array([-direction[1], direction[0]], np.float32)
    return np.stack([middle, above, side]).astype(np.float32)


_STEPS: Mapping[str, Callable[..., Callable[[Array], Array]]] = {
    "NormalizeImage": _Normalize,
    "Pad": _Pad,
    "PadStride": _PadStride,
    "Permute": _Permute,
    "Resize": _Resize,
    "WarpAffine": _WarpAffine,
}
