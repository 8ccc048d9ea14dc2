"""Renders pictures whose text is known: the ground truth of the benchmarks.

``python benchmarks/corpus.py DIR --count 64`` writes pictures and ``truth.json``, which ``hpi-bench``
reads beside them. The same seed gives the same pictures, byte for byte, with the same versions of
Pillow, OpenCV and the fonts.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1] / "examples/ocr"))
from typeset import LATIN, font, words

Array = np.ndarray[Any, Any]
# Roboto has Greek letters, the serifs of LATIN have not all of them.
GREEK_FONT = LATIN[0]
_GREEK = "καλημέρα κόσμε σήμερα τιμή σύνολο ευχαριστούμε οδός αθήνα νερό καφές".split()  # noqa: SIM905
_ACCENTED = "Größe café naïve señor crème Übung façade Łódź žluťoučký smörgås ação Straße".split()  # noqa: SIM905


@dataclass
class Page:
    """A picture and what stands on it.

    Attributes:
        image: height × width × 3, uint8, RGB.
        lines: text and corners (4 × 2, pixels, clockwise from where the text begins).
    """

    image: Image.Image
    lines: list[tuple[str, Array]] = field(default_factory=list)

    def write(self, text: str, face: str, size: int, at: tuple[float, float], ink: tuple[int, int, int]) -> float:
        """Set a line of text and return its width in pixels."""
        pen, letters = ImageDraw.Draw(self.image), font(face, size)
        pen.text(at, text, fill=ink, font=letters)
        left, top, right, bottom = pen.textbbox(at, text, font=letters)
        self.lines.append((text, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)))
        return float(right - left)

    def width_of(self, text: str, face: str, size: int) -> float:
        """Return how wide a line would be."""
        return float(ImageDraw.Draw(self.image).textlength(text, font=font(face, size)))


def phrase(rng: random.Random) -> tuple[str, str]:
    """Return a random text and a font with its letters: Latin, Chinese, Japanese, Greek, accents, numbers."""
    kind = rng.random()
    if kind < 0.08:
        return " ".join(rng.choices(_GREEK, k=rng.randint(1, 4))), GREEK_FONT
    if kind < 0.18:
        return " ".join(rng.choices(_ACCENTED, k=rng.randint(1, 4))), rng.choice(LATIN[:2])
    if kind < 0.28:
        letters = "".join(rng.choices(string.ascii_uppercase + string.digits, k=rng.randint(4, 10)))
        return f"{letters[:3]}-{letters[3:]}/{rng.randint(1, 9999)}", rng.choice(LATIN)
    return words(rng)


def blank(rng: random.Random, width: int, height: int) -> Page:
    """Return paper of a light colour."""
    return Page(Image.new("RGB", (width, height), tuple(rng.randint(225, 255) for _ in range(3))))


def dark(rng: random.Random) -> tuple[int, int, int]:
    """Return the colour of an ink."""
    return (rng.randint(0, 70), rng.randint(0, 70), rng.randint(0, 70))


def receipt(rng: random.Random) -> Page:
    """Return a narrow page: items on the left, prices on the right."""
    width, size = rng.randint(420, 640), rng.randint(20, 28)
    count = rng.randint(8, 18)
    page = blank(rng, width, int(60 + count * size * 1.6))
    ink, top = dark(rng), 30.0
    for _ in range(count):
        text, face = phrase(rng)
        price = f"{rng.uniform(0.5, 900):.2f}"
        room = width - 60 - page.width_of(price, LATIN[0], size) - 40
        while len(text) > 1 and page.width_of(text, face, size) > room:
            text = text[:-1].rstrip()
        page.write(text, face, size, (30, top), ink)
        page.write(price, LATIN[0], size, (width - 30 - page.width_of(price, LATIN[0], size), top), ink)
        top += size * 1.6
    return page


def sign(rng: random.Random) -> Page:
    """Return few large words on colour."""
    width, height = rng.randint(500, 1100), rng.randint(300, 700)
    page = Page(Image.new("RGB", (width, height), (rng.randint(0, 90), rng.randint(0, 110), rng.randint(60, 150))))
    top = height * 0.12
    for _ in range(rng.randint(1, 3)):
        text, face = phrase(rng)
        size = rng.randint(48, 96)
        while size > 24 and page.width_of(text, face, size) > width - 60:
            size -= 4
        if page.width_of(text, face, size) > width - 60 or top + size * 1.5 > height:
            break
        ink = (rng.randint(220, 255), rng.randint(220, 255), rng.randint(180, 255))
        page.write(text, face, size, (rng.uniform(20, 40), top), ink)
        top += size * 1.7
    return page


def paragraph(rng: random.Random, size: int | None = None, count: int | None = None) -> Page:
    """Return a block of running text."""
    size = size or rng.randint(20, 34)
    width, count = rng.randint(640, 1200), count or rng.randint(5, 14)
    page = blank(rng, width, int(80 + count * size * 1.7))
    ink, face, top = dark(rng), rng.choice(LATIN), 40.0
    for _ in range(count):
        text = ""
        while True:
            more, _ = words(rng)
            if not more.isascii():
                continue
            longer = f"{text} {more}".strip()
            if page.width_of(longer, face, size) > width - 80:
                break
            text = longer
        if text:
            page.write(text, face, size, (40, top), ink)
        top += size * 1.7
    return page


def dense(rng: random.Random) -> Page:
    """Return small print."""
    return paragraph(rng, rng.randint(13, 16), rng.randint(24, 36))


def vertical(rng: random.Random) -> Page:
    """Return lines that stand on end: horizontal lines, turned a quarter clockwise."""
    page = blank(rng, rng.randint(380, 620), rng.randint(300, 480))
    ink, top = dark(rng), 30.0
    while top < page.image.height - 60:
        text, face = phrase(rng)
        size = rng.randint(24, 36)
        while len(text) > 3 and page.width_of(text, face, size) > page.image.width - 60:
            text = text[:-1].rstrip()
        page.write(text, face, size, (30, top), ink)
        top += size * 2.0
    height = page.image.height
    turned = Page(page.image.transpose(Image.Transpose.ROTATE_270))
    turned.lines = [(text, np.stack([height - poly[:, 1], poly[:, 0]], 1)) for text, poly in page.lines]
    return turned


def warped(page: Page, matrix: Array, size: tuple[int, int], paper: tuple[int, int, int]) -> Page:
    """Return a page through a homography."""
    image = cv2.warpPerspective(
        np.asarray(page.image), matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=paper
    )
    lines = [
        (text, np.asarray(cv2.perspectiveTransform(poly[np.newaxis], matrix)[0], np.float64))
        for text, poly in page.lines
    ]
    return Page(Image.fromarray(np.asarray(image, np.uint8)), lines)


def tilted(rng: random.Random) -> Page:
    """Return a paragraph turned by some degrees."""
    page = paragraph(rng)
    width, height = page.image.size
    angle = rng.choice((-1, 1)) * rng.uniform(2, 9)
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), angle, 0.9), [0, 0, 1]])
    return warped(page, matrix, (width, height), (205, 200, 190))


def photographed(rng: random.Random) -> Page:
    """Return a receipt seen from an angle."""
    page = receipt(rng)
    width, height = page.image.size
    room = 60
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shift = np.array([[rng.uniform(-28, 28), rng.uniform(-28, 28)] for _ in range(4)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, source + room + shift)
    return warped(page, matrix, (width + 2 * room, height + 2 * room), (96, 84, 70))


def blurred(rng: random.Random) -> Page:
    """Return a page out of focus, with the noise of a sensor."""
    page = rng.choice((receipt, paragraph))(rng)
    noise = np.random.default_rng(rng.getrandbits(32))
    image = np.asarray(cv2.GaussianBlur(np.asarray(page.image), (0, 0), rng.uniform(0.7, 1.4)), np.float32)
    image += noise.normal(0, rng.uniform(2, 9), image.shape)
    page.image = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    return page


KINDS: Mapping[str, Callable[[random.Random], Page]] = {
    "receipt": receipt,
    "sign": sign,
    "paragraph": paragraph,
    "dense": dense,
    "tilted": tilted,
    "photographed": photographed,
    "vertical": vertical,
    "blurred": blurred,
}


def make(folder: Path, count: int, seed: int) -> None:
    """Write ``count`` pictures, every kind in turn, half of them as JPEGs of some loss, and their truth."""
    folder.mkdir(parents=True, exist_ok=True)
    truth: dict[str, Any] = {}
    for index in range(count):
        kind = list(KINDS)[index % len(KINDS)]
        rng = random.Random(f"{seed}/{index}")  # noqa: S311
        page = KINDS[kind](rng)
        quality = rng.choice((None, 35, 60, 85))
        name = f"{index:04}_{kind}.{'png' if quality is None else 'jpg'}"
        # PNG has no such quality and ignores it.
        page.image.save(folder / name, quality=quality or 100)
        lines = [{"poly": np.rint(poly).astype(int).tolist(), "text": text} for text, poly in page.lines]
        truth[name] = {"lines": lines}
    text = json.dumps({"format": "1.0", "inputs": truth}, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    make(given.folder, given.count, given.seed)
