"""Pictures for trained detectors: a page with text, a table and a picture, and a portrait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, Any]

_TEXT = (
    "measured rather than guessed and written down before anybody asks how it was done because later nobody will "
    "remember which of the two numbers was the better one or why it mattered at all"
)
_WORDS = _TEXT.split()


def noise(height: int, width: int) -> Picture:
    """Return pixels of no meaning, the same ones every time."""
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def portrait() -> Picture:
    """Return the photograph of a person that matplotlib brings along."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"
    return np.asarray(cv2.imread(str(path)))


def page() -> Picture:
    """Return a rendered page, 1240 × 1754: a title, two paragraphs, a table and a photograph."""
    import matplotlib.font_manager
    import PIL.Image
    from PIL import ImageDraw, ImageFont

    path = matplotlib.font_manager.findfont("DejaVu Serif")
    sheet = PIL.Image.new("RGB", (1240, 1754), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((260, 110), "On Measuring Without Guessing", font=ImageFont.truetype(path, 44), fill="black")
    _paragraph(pen, 230, 9, ImageFont.truetype(path, 24))
    _table(pen, 640, ImageFont.truetype(path, 24))
    _paragraph(pen, 960, 7, ImageFont.truetype(path, 24))
    photograph = PIL.Image.fromarray(cv2.cvtColor(portrait(), cv2.COLOR_BGR2RGB))
    sheet.paste(photograph.resize((384, 450)), (430, 1230))
    return np.asarray(cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR))


def _paragraph(pen: Any, top: int, lines: int, font: Any) -> None:
    for line in range(lines):
        words = [_WORDS[(line * 7 + place) % len(_WORDS)] for place in range(10)]
        pen.text((110, top + line * 38), " ".join(words), font=font, fill="black")


def _table(pen: Any, top: int, font: Any) -> None:
    for row in range(6):
        pen.line((160, top + row * 46, 1080, top + row * 46), fill="black", width=2)
    for column in range(5):
        pen.line((160 + column * 230, top, 160 + column * 230, top + 5 * 46), fill="black", width=2)
    for row in range(5):
        for column in range(4):
            text = f"{_WORDS[row * 4 + column]}" if row == 0 else f"{row * 17.5 + column * 3:.2f}"
            pen.text((180 + column * 230, top + 8 + row * 46), text, font=font, fill="black")
