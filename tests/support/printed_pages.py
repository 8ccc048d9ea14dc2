"""Rendered pages of one, two and three columns: a title, headings, paragraphs, a table and a photograph."""

from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np

from support import table_pictures
from support.trained import Picture, portrait

_TEXT = (
    "measured rather than guessed and written down before anybody asks how it was done because later nobody will "
    "remember which of the two numbers was better or why it mattered at all when the paper was new"
)
_WORDS = _TEXT.split()
_WIDTH, _HEIGHT, _MARGIN, _LINE = 1240, 1754, 90, 34


def page(columns: int, seed: int = 0) -> Picture:
    """Return a page, 1240 × 1754, BGR."""
    import PIL.Image
    from PIL import ImageDraw

    rng = random.Random(seed * 10 + columns)
    sheet = PIL.Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_WIDTH / 2, 90), "On Measuring Without Guessing", font=_font(44), fill="black", anchor="mm")
    wide = (_WIDTH - 2 * _MARGIN - (columns - 1) * 40) // columns
    for column in range(columns):
        left, top = _MARGIN + column * (wide + 40), 170
        number = 0
        while top < _HEIGHT - 240:
            number += 1
            pen.text((left, top), f"{column + 1}.{number} {rng.choice(_WORDS).title()}", font=_font(28), fill="black")
            top = _paragraph(pen, rng, left, top + 56, wide, rng.randint(4, 9))
            if column == 0 and number == 1:
                top = _pasted(sheet, table_pictures.render(1, 4, 4).image, left, top + 20, wide) + 40
            if column == columns - 1 and number == 1:
                top = _pasted(sheet, portrait(), left, top + 20, min(wide, 300)) + 40
            top += 30
    return np.asarray(cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR))


def _paragraph(pen: Any, rng: random.Random, left: int, top: int, wide: int, lines: int) -> int:
    font = _font(22)
    for line in range(lines):
        words = [rng.choice(_WORDS)]
        limit = wide if line + 1 < lines else wide * 0.6
        while font.getlength(" ".join([*words, "measured."])) < limit:
            words.append(rng.choice(_WORDS))
        pen.text(
            (left, top + line * _LINE), " ".join(words) + ("." if line + 1 == lines else ""), font=font, fill="black"
        )
    return top + lines * _LINE


def _pasted(sheet: Any, picture: Picture, left: int, top: int, wide: int) -> int:
    import PIL.Image

    scale = min(1.0, wide / picture.shape[1])
    size = int(picture.shape[1] * scale), int(picture.shape[0] * scale)
    sheet.paste(PIL.Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).resize(size), (left, top))
    return top + size[1]


def _font(size: int) -> Any:
    import matplotlib.font_manager
    from PIL import ImageFont

    return ImageFont.truetype(matplotlib.font_manager.findfont("DejaVu Serif"), size)
