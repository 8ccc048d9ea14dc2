"""crop_boxes: the boxes of some labels as pictures of their own; the others are handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.pictures import Image


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Cut those of ``boxes`` out of ``image`` whose label, in small letters, is in ``labels``; all if that is None."""
    image, labels = inputs["image"], params["labels"]
    crops: list[Image] = []
    kept: list[Any] = []
    others: list[Any] = []
    for box in inputs["boxes"]:
        crop = _crop(image, box["coordinate"]) if labels is None or box["label"].lower() in labels else None
        if crop is None:
            others.append(box)
        else:
            crops.append(crop)
            kept.append(box)
    return {"crops": crops, "boxes": kept, "others": others}


def _crop(image: Image, corners: Any) -> Image | None:
    """Return the upright rectangle around the corners, None if it is empty."""
    left, right = int(min(corners[0::2])), int(max(corners[0::2]))
    top, bottom = int(min(corners[1::2])), int(max(corners[1::2]))
    crop = image[max(0, top) : bottom, max(0, left) : right]
    return crop if crop.size else None
