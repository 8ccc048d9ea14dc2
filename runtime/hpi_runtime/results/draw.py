"""Pictures of results: boxes on the page and, beside it, the text where it stands."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import PIL.Image
from PIL import ImageDraw

from hpi_runtime.results.fonts import font_for
from hpi_runtime.transforms import Image

_FILL_ALPHA = 70
_GOLDEN_RATIO = 0.618
_VERTICAL = 2.0
_CAPTION_MARGIN = 8


def draw(result: Mapping[str, Any], image: Image) -> PIL.Image.Image:
    """Return a picture of a result.

    Args:
        result: the record.
        image: the picture that its coordinates refer to, BGR.
    """
    page = PIL.Image.fromarray(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
    if "rec_texts" in result:
        boxes = _boxes(page, result["rec_polys"])
        texts = _texts(page.size, result["rec_texts"], result["rec_polys"])
        both = PIL.Image.new("RGB", (page.width * 2, page.height), "white")
        both.paste(boxes, (0, 0))
        both.paste(texts, (page.width, 0))
        return both
    if "dt_polys" in result:
        return _boxes(page, result["dt_polys"])
    if "rec_text" in result:
        return _captioned(page, f"{result['rec_text']}  {result['rec_score']:.3f}")
    if result.get("label_names"):
        return _captioned(page, f"{result['label_names'][0]}  {result['scores'][0]:.3f}")
    return page


def _colour(index: int) -> tuple[int, int, int]:
    # Hues a golden ratio apart: neighbours never look alike.
    red, green, blue = (int(part * 255) for part in colorsys.hsv_to_rgb(index * _GOLDEN_RATIO % 1.0, 0.85, 0.8))
    return red, green, blue


def _boxes(page: PIL.Image.Image, polys: Sequence[Any]) -> PIL.Image.Image:
    layer = PIL.Image.new("RGBA", page.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    for index, poly in enumerate(polys):
        corners = [tuple(corner) for corner in poly]
        pen.polygon(corners, fill=(*_colour(index), _FILL_ALPHA), outline=(*_colour(index), 255), width=2)
    return PIL.Image.alpha_composite(page.convert("RGBA"), layer).convert("RGB")


def _texts(size: tuple[int, int], texts: Sequence[str], polys: Sequence[Any]) -> PIL.Image.Image:
    canvas = np.full((size[1], size[0], 3), 255, np.uint8)
    for index, (text, poly) in enumerate(zip(texts, polys, strict=True)):
        corners = np.array(poly, np.float32)
        width = max(1, int(np.linalg.norm(corners[0] - corners[1])))
        height = max(1, int(np.linalg.norm(corners[0] - corners[3])))
        if height > _VERTICAL * width and len(text) > 1:
            # A vertical line was read lying on its side: its text runs down the box.
            corners = np.roll(corners, -1, axis=0)
            width, height = height, width
        line = np.asarray(_line(text, width, height, _colour(index)))
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners)
        cv2.warpPerspective(line, matrix, size, dst=canvas, borderMode=cv2.BORDER_TRANSPARENT, flags=cv2.INTER_AREA)
    return PIL.Image.fromarray(canvas)


def _line(text: str, width: int, height: int, colour: tuple[int, int, int]) -> PIL.Image.Image:
    """Return a line of text that fills a box, as far as its proportions allow."""
    line = PIL.Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(line)
    pen.rectangle((0, 0, width - 1, height - 1), outline=colour)
    font_size = max(8, int(height * 0.8))
    font = font_for([text], font_size)
    length = pen.textlength(text, font=font)
    if length > width - 2:
        font_size = max(6, int(font_size * (width - 2) / length))
        font = font_for([text], font_size)
    pen.text((1, height / 2), text, fill="black", font=font, anchor="lm")
    return line


def _captioned(page: PIL.Image.Image, text: str) -> PIL.Image.Image:
    font = font_for([text], max(14, page.height // 16))
    left, top, right, bottom = ImageDraw.Draw(page).textbbox((0, 0), text, font=font)
    width = max(page.width, int(right - left) + 2 * _CAPTION_MARGIN)
    height = int(bottom - top) + 2 * _CAPTION_MARGIN
    whole = PIL.Image.new("RGB", (width, page.height + height), "white")
    whole.paste(page, (0, 0))
    ImageDraw.Draw(whole).text((_CAPTION_MARGIN, page.height + _CAPTION_MARGIN - top), text, fill="black", font=font)
    return whole
