"""Draws goods: three pictures of each for the gallery, and a shelf with some of them, turned and lit otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent
# Drawn this many times larger, so that edges are smooth.
_FINE, _SIZE = 4, 150
_SIDE = _FINE * _SIZE
_GROUND = (255, 255, 255)
Colour = tuple[int, int, int]


def _apple(draw: ImageDraw.ImageDraw, side: int) -> None:
    red: Colour = (200, 30, 40)
    draw.ellipse((0.18 * side, 0.3 * side, 0.58 * side, 0.88 * side), fill=red)
    draw.ellipse((0.42 * side, 0.3 * side, 0.82 * side, 0.88 * side), fill=red)
    draw.line((0.5 * side, 0.36 * side, 0.54 * side, 0.14 * side), fill=(90, 60, 30), width=side // 28)
    draw.ellipse((0.53 * side, 0.14 * side, 0.74 * side, 0.25 * side), fill=(60, 150, 60))
    draw.ellipse((0.26 * side, 0.4 * side, 0.36 * side, 0.54 * side), fill=(235, 120, 120))


def _banana(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((0.08 * side, 0.0 * side, 0.92 * side, 0.84 * side), fill=(240, 210, 60))
    draw.ellipse((0.06 * side, -0.22 * side, 0.94 * side, 0.58 * side), fill=_GROUND)
    draw.ellipse((0.06 * side, 0.3 * side, 0.13 * side, 0.4 * side), fill=(110, 90, 30))
    draw.ellipse((0.87 * side, 0.3 * side, 0.94 * side, 0.4 * side), fill=(110, 90, 30))


def _bottle(draw: ImageDraw.ImageDraw, side: int) -> None:
    green: Colour = (30, 110, 60)
    draw.rounded_rectangle((0.34 * side, 0.36 * side, 0.66 * side, 0.95 * side), side // 16, fill=green)
    draw.polygon([(0.34 * side, 0.42 * side), (0.44 * side, 0.24 * side), (0.56 * side, 0.24 * side),
                  (0.66 * side, 0.42 * side)], fill=green)  # fmt: skip
    draw.rectangle((0.44 * side, 0.06 * side, 0.56 * side, 0.26 * side), fill=green)
    draw.rectangle((0.43 * side, 0.04 * side, 0.57 * side, 0.1 * side), fill=(190, 150, 40))
    draw.rectangle((0.34 * side, 0.55 * side, 0.66 * side, 0.78 * side), fill=(240, 235, 215))


def _mug(draw: ImageDraw.ImageDraw, side: int) -> None:
    blue: Colour = (50, 90, 180)
    draw.arc((0.52 * side, 0.34 * side, 0.94 * side, 0.74 * side), 0, 360, fill=blue, width=side // 14)
    draw.rounded_rectangle((0.14 * side, 0.22 * side, 0.72 * side, 0.88 * side), side // 14, fill=blue)
    draw.ellipse(
        (0.14 * side, 0.14 * side, 0.72 * side, 0.32 * side), fill=(80, 50, 30), outline=blue, width=side // 40
    )


def _ball(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((0.12 * side, 0.12 * side, 0.88 * side, 0.88 * side), fill=(240, 120, 30))
    dark: Colour = (60, 30, 20)
    draw.line((0.5 * side, 0.12 * side, 0.5 * side, 0.88 * side), fill=dark, width=side // 50)
    draw.line((0.12 * side, 0.5 * side, 0.88 * side, 0.5 * side), fill=dark, width=side // 50)
    draw.arc((-0.3 * side, 0.1 * side, 0.36 * side, 0.9 * side), -60, 60, fill=dark, width=side // 50)
    draw.arc((0.64 * side, 0.1 * side, 1.3 * side, 0.9 * side), 120, 240, fill=dark, width=side // 50)


def _scissors(draw: ImageDraw.ImageDraw, side: int) -> None:
    grey, red = (120, 125, 135), (180, 30, 60)
    draw.line((0.3 * side, 0.08 * side, 0.62 * side, 0.66 * side), fill=grey, width=side // 16)
    draw.line((0.7 * side, 0.08 * side, 0.38 * side, 0.66 * side), fill=grey, width=side // 16)
    for left in (0.2, 0.54):
        draw.ellipse((left * side, 0.62 * side, (left + 0.26) * side, 0.92 * side), outline=red, width=side // 18)


GOODS: dict[str, Callable[[ImageDraw.ImageDraw, int], None]] = {
    "apple": _apple,
    "ball": _ball,
    "banana": _banana,
    "bottle": _bottle,
    "mug": _mug,
}


def drawn(thing: Callable[[ImageDraw.ImageDraw, int], None], rng: np.random.Generator) -> Image.Image:
    """Return a thing on white ground, a little turned, in some light."""
    picture = Image.new("RGB", (_SIDE, _SIDE), _GROUND)
    thing(ImageDraw.Draw(picture), _SIDE)
    picture = picture.rotate(rng.uniform(-14, 14), Image.Resampling.BICUBIC, fillcolor=_GROUND)
    picture = picture.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))
    values = np.asarray(picture, np.float32)
    lit = values + rng.normal(0, 3, values.shape) + rng.uniform(-22, 12) * (values < 250)
    # The ground stays white.
    return Image.fromarray(np.where(values < 250, lit, 255).clip(0, 255).astype(np.uint8))


def main() -> None:
    """Write ``gallery/`` and ``shelf.png``."""
    rng = np.random.default_rng(6)
    for name, thing in GOODS.items():
        folder = HERE / "gallery" / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(3):
            drawn(thing, rng).save(folder / f"{number + 1}.png", optimize=True)
    things = [GOODS[name] for name in ("bottle", "apple", "mug")] + [_scissors] + [GOODS["banana"], GOODS["ball"]]
    gap = 26
    shelf = Image.new("RGB", (len(things) * (_SIZE + gap) + gap, _SIZE + 2 * gap), _GROUND)
    for number, thing in enumerate(things):
        shelf.paste(drawn(thing, rng), (gap + number * (_SIZE + gap), gap))
    shelf.save(HERE / "shelf.png", optimize=True)


if __name__ == "__main__":
    main()
