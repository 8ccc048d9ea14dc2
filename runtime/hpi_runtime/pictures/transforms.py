"""The image operations that an ``inference.yml`` names, on 8-bit BGR or RGB pictures.

Names and meaning are PaddleX's; a model folder exported by PaddleX works unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.errors import EngineError
from hpi_runtime.pictures import Image

Planes = np.ndarray[Any, np.dtype[np.float32]]

_CV2_INTERPOLATION = {
    "NEAREST": cv2.INTER_NEAREST,
    "LINEAR": cv2.INTER_LINEAR,
    "BILINEAR": cv2.INTER_LINEAR,
    "BICUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}
# Pillow's Resampling by the names that PaddleX gives them.
_PIL_INTERPOLATION = {"NEAREST": 0, "LANCZOS4": 1, "BILINEAR": 2, "LINEAR": 2, "BICUBIC": 3, "BOX": 4}


def operations(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of an ``inference.yml`` as arguments by name, in order.

    Raises:
        EngineError: the configuration has no such list.
    """
    try:
        listed = processing.transforms(config)
        return {name: dict(arguments or {}) for item in listed for name, arguments in item.items()}
    except (TypeError, AttributeError, ValueError):
        raise EngineError("inference.yml has no usable list of operations") from None


class Normalize:
    """``(pixel * scale - mean) / std`` per channel, from height × width × 3 to 3 × height × width.

    Pixels have 256 values, so this is a table per channel; the table's entries are computed in
    float32 in the order in which PaddleX does it, and agree with it to the bit.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        scale: float | str | None = None,
        **_: Any,
    ) -> None:
        """Take the arguments of ``NormalizeImage``; absent ones are ImageNet's."""
        means = [0.485, 0.456, 0.406] if mean is None else mean
        deviations = [0.229, 0.224, 0.225] if std is None else std
        factor = 1.0 / 255.0 if scale is None else processing.number(scale)
        # What a channel is multiplied with, and what is added.
        self.lines = [
            (factor / deviation, -middle / deviation) for middle, deviation in zip(means, deviations, strict=True)
        ]
        values = np.arange(256, dtype=np.float32)
        # What is beyond float32 is infinite, as in PaddleX.
        with np.errstate(over="ignore", invalid="ignore"):
            self._tables = [
                (values * np.float32(slope) + np.float32(offset)).astype(np.float32) for slope, offset in self.lines
            ]

    def __call__(self, image: Image, out: Planes | None = None) -> Planes:
        """Return (or fill ``out`` with) the float32 planes of a picture."""
        if out is None:
            out = np.empty((3, *image.shape[:2]), np.float32)
        for plane, table, target in zip(cv2.split(image), self._tables, out, strict=True):
            cv2.LUT(plane, table, target)
        return out


class Resize:
    """``ResizeImage``: to a fixed size, or the shorter edge to a length."""

    def __init__(
        self,
        resize_short: int | None = None,
        size: int | Sequence[int] | None = None,
        backend: str = "cv2",
        interpolation: str = "LINEAR",
        **_: Any,
    ) -> None:
        """Take the arguments of ``ResizeImage``; ``size`` is [width, height].

        Raises:
            EngineError: neither or an unknown interpolation is given.
        """
        if resize_short is None and size is None:
            raise EngineError("ResizeImage needs `resize_short` or `size`")
        names = _PIL_INTERPOLATION if backend == "pil" else _CV2_INTERPOLATION
        if interpolation.upper() not in names or backend not in ("cv2", "pil"):
            raise EngineError(f"ResizeImage: unknown interpolation {interpolation} of {backend}")
        self._short = resize_short
        self._size = (size, size) if isinstance(size, int) else size
        self._is_pil = backend == "pil"
        self._interpolation = names[interpolation.upper()]

    def __call__(self, image: Image) -> Image:
        """Return the resized picture."""
        if self._short is not None:
            height, width = image.shape[:2]
            scale = self._short / min(height, width)
            size = (round(width * scale), round(height * scale))
        else:
            assert self._size is not None
            size = (int(self._size[0]), int(self._size[1]))
        if self._is_pil:
            import PIL.Image

            return np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling(self._interpolation)))
        return np.asarray(cv2.resize(image, size, interpolation=self._interpolation))


class CenterCrop:
    """``CropImage``: the middle of a picture."""

    def __init__(self, size: int | Sequence[int] = 224, **_: Any) -> None:
        """Take the size, one number or [width, height]."""
        self._width, self._height = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))

    def __call__(self, image: Image) -> Image:
        """Return the middle of the picture.

        Raises:
            ValueError: the picture is smaller than the crop.
        """
        height, width = image.shape[:2]
        if width < self._width or height < self._height:
            raise ValueError(f"a picture of {width}x{height} cannot be cropped to {self._width}x{self._height}")
        left, top = (width - self._width) // 2, (height - self._height) // 2
        return image[top : top + self._height, left : left + self._width]
