"""Rendered stamps: a line around the middle, another one straight across, in red."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFont

DETECTOR = "PP-OCRv4_server_seal_det"
_RED = (200, 20, 20)
TEXTS = ("NORTHERN TRADING CO", "HARBOUR OFFICE", "CITY ARCHIVE OF ROADS", "BUREAU")


def stamp(text: str, across: str = "2026", size: int = 420, sweep: float = 220, squeeze: float = 1.0) -> np.ndarray:
    """Return a stamp, BGR; ``sweep`` is over how many degrees the line goes, ``squeeze`` makes it oval."""
    picture = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse([16, 16, size - 16, size - 16], outline=_RED, width=7)
    middle, radius, height = size / 2, size * 0.36, size // 10
    font = _font(height)
    for number, letter in enumerate(text):
        angle = math.radians(270 - sweep / 2 + sweep * number / max(len(text) - 1, 1))
        glyph = Image.new("RGBA", (height * 2, height * 2), (255, 255, 255, 0))
        ImageDraw.Draw(glyph).text((height, height), letter, fill=(*_RED, 255), font=font, anchor="mm")
        glyph = glyph.rotate(-math.degrees(angle) - 90, Image.Resampling.BICUBIC)
        place = middle + radius * math.cos(angle) - height, middle + radius * math.sin(angle) - height
        picture.paste(glyph, (int(place[0]), int(place[1])), glyph)
    pen.text((middle, middle + size * 0.08), across, fill=_RED, font=font, anchor="mm")
    oval = picture.resize((size, int(size * squeeze)), Image.Resampling.BICUBIC)
    found: np.ndarray = np.asarray(oval)[..., ::-1].copy()
    return found


def detector(readers: Path, folder: Path) -> None:
    """Write the example's detector of lines as one of stamps: it finds curved lines, and says so as polygons."""
    (folder / DETECTOR).mkdir(parents=True)
    for source in (readers / "PP-OCRv6_small_det").glob("inference.*"):
        (folder / DETECTOR / source.name).write_bytes(source.read_bytes())
    path = folder / DETECTOR / "inference.yml"
    told: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    told["Global"]["model_name"] = DETECTOR
    told["PostProcess"] |= {"box_type": "poly", "use_dilation": False}
    path.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")


def _font(size: int) -> Any:
    import matplotlib.font_manager

    return ImageFont.truetype(matplotlib.font_manager.findfont("DejaVu Sans:bold"), size)
