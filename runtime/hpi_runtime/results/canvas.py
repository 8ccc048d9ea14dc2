"""A picture of a result: the page with what was found on it, perhaps a second page beside it, and lines beneath."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import PIL.Image
from hpi_schemas.cleaning import clean_line
from hpi_schemas.values import RECORD, Value
from PIL import ImageDraw

from hpi_runtime import kinds
from hpi_runtime.pictures import Image
from hpi_runtime.pictures.geometry import min_area_box
from hpi_runtime.results.fonts import font_for

_FILL_ALPHA = 70
_REGION_ALPHA = 140
_GOLDEN_RATIO = 0.618
_SIDES = 4
_VERTICAL = 2.0
_CAPTION_MARGIN = 8
_LEAST_FONT = 10


class Canvas:
    """Takes in what kinds draw."""

    def __init__(self, image: Image) -> None:
        """Take the picture that coordinates refer to, BGR."""
        self._texts: np.ndarray[Any, Any] | None = None
        self._captions: list[str] = []
        self.show(image)

    def show(self, image: Image) -> None:
        """Show a BGR picture instead of the page, without what was drawn on it."""
        self._page = PIL.Image.fromarray(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
        self._layer = PIL.Image.new("RGBA", self._page.size, (0, 0, 0, 0))

    def polygon(self, poly: Any, index: int, label: str = "", is_filled: bool = True) -> None:
        """Draw a polygon on the page, in the colour of a number, with a label at its top."""
        colour = _colour(index)
        pen = ImageDraw.Draw(self._layer)
        corners = [tuple(corner) for corner in poly]
        fill = (*colour, _FILL_ALPHA) if is_filled else None
        pen.polygon(corners, fill=fill, outline=(*colour, 255), width=max(2, max(self._page.size) // 500))
        if label:
            self._label(pen, clean_line(label), corners, colour)

    def region(self, mask: np.ndarray[Any, Any], index: int, at: tuple[int, int] | None = None) -> None:
        """Colour pixels of the page in the colour of a number.

        Args:
            mask: height × width, true where there is something.
            index: the number.
            at: where its left and top are; None stretches it over the page.
        """
        shape = PIL.Image.fromarray(mask.astype(np.uint8) * _REGION_ALPHA)
        if at is None:
            shape = shape.resize(self._page.size, PIL.Image.Resampling.NEAREST)
        self._layer.paste((*_colour(index), _REGION_ALPHA), at or (0, 0), shape)

    def line(self, start: tuple[float, float], end: tuple[float, float], index: int) -> None:
        """Draw a line on the page, in the colour of a number."""
        width = max(2, max(self._page.size) // 400)
        ImageDraw.Draw(self._layer).line([tuple(start), tuple(end)], fill=(*_colour(index), 255), width=width)

    def dot(self, at: tuple[float, float], index: int) -> None:
        """Draw a dot on the page, in the colour of a number."""
        radius = max(3, max(self._page.size) // 250)
        x, y = at
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(self._layer).ellipse(box, fill=(*_colour(index), 255), outline="white")

    def add_page(self) -> None:
        """Put an empty page beside this one, to write on."""
        self._texts = np.full((self._page.height, self._page.width, 3), 255, np.uint8)

    def write(self, text: str, poly: Any, index: int) -> None:
        """Write a text into its box on the page that was added, in the colour of a number."""
        assert self._texts is not None
        corners = np.array(poly, np.float32)
        if len(corners) != _SIDES:
            # A curved line runs straight through the rectangle around it.
            corners, _ = min_area_box(corners)
        width = max(1, int(np.linalg.norm(corners[0] - corners[1])))
        height = max(1, int(np.linalg.norm(corners[0] - corners[3])))
        if height > _VERTICAL * width and len(text) > 1:
            # A vertical line was read lying on its side: its text runs down the box.
            corners = np.roll(corners, -1, axis=0)
            width, height = height, width
        line = np.asarray(_line(clean_line(text), width, height, _colour(index)))
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners)
        options: dict[str, Any] = {"borderMode": cv2.BORDER_TRANSPARENT, "flags": cv2.INTER_AREA}
        cv2.warpPerspective(line, matrix, self._page.size, dst=self._texts, **options)

    def caption(self, text: str) -> None:
        """Write a line beneath the page."""
        self._captions.append(clean_line(text))

    def finish(self) -> PIL.Image.Image:
        """Return all of it as one picture."""
        page = PIL.Image.alpha_composite(self._page.convert("RGBA"), self._layer).convert("RGB")
        if self._texts is not None:
            both = PIL.Image.new("RGB", (page.width * 2, page.height), "white")
            both.paste(page, (0, 0))
            both.paste(PIL.Image.fromarray(self._texts), (page.width, 0))
            page = both
        for text in self._captions:
            page = _captioned(page, text)
        return page

    def _label(self, pen: ImageDraw.ImageDraw, label: str, corners: Any, colour: tuple[int, int, int]) -> None:
        font = font_for([label], max(_LEAST_FONT, self._page.width // 55))
        x, y = min(corner[0] for corner in corners), min(corner[1] for corner in corners)
        left, top, right, bottom = pen.textbbox((x, y), label, font=font, anchor="ls")
        if top < 0:
            left, top, right, bottom = pen.textbbox((x, y), label, font=font, anchor="lt")
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=(*colour, 255))
        pen.text((left, top), label, fill="white", font=font, anchor="lt")


def draw(
    record: Mapping[str, Any], fields: Mapping[str, Value], pictures: Mapping[str, Image], image: Image
) -> PIL.Image.Image:
    """Return a picture of a result.

    Args:
        record: of the result.
        fields: what each of its fields is.
        pictures: those that the result holds, which no record has, by field.
        image: the picture that its coordinates refer to, BGR.
    """
    canvas = Canvas(image)
    for name, field in fields.items():
        kind = kinds.find(field.kind)
        value = pictures.get(name, record.get(name))
        if field.draw and kind.is_drawn and value is not None:
            kind.draw(canvas, value, kinds.beside(record, field))
    return canvas.finish()


def draw_part(record: Mapping[str, Any], name: str, field: Value, image: Image) -> PIL.Image.Image:
    """Return a picture of one field of a result: of a record what is in it.

    Args:
        record: of the result.
        name: of the field, which is there.
        field: what it is.
        image: the picture that its coordinates refer to, BGR.
    """
    if field.kind == RECORD:
        return draw(record[name], field.fields, {}, image)
    return draw(record, {name: replace(field, draw=True)}, {}, image)


def _colour(index: int) -> tuple[int, int, int]:
    # Hues a golden ratio apart: neighbours never look alike.
    red, green, blue = (int(part * 255) for part in colorsys.hsv_to_rgb(index * _GOLDEN_RATIO % 1.0, 0.85, 0.8))
    return red, green, blue


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
