"""Makes receipt.jpg, the example's picture: a café's receipt, photographed lying sideways on a table.

Several fonts, sizes and languages; perspective, uneven light, blur and noise; the page is turned by a
quarter and a sticker on it is upside down, so that every module of the pipeline has work to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw
from typeset import CJK, font

HERE = Path(__file__).parent
ROBOTO, BOLD = "font_roboto/files/Roboto-Regular.ttf", "font_roboto/files/Roboto-Bold.ttf"
SERIF, ITALIC = "font_source_serif_pro/files/SourceSerifPro-Regular.ttf", "font_caladea/files/Caladea-Italic.ttf"
WIDTH, HEIGHT = 760, 1000
INK = (38, 36, 44)
# What stands on the receipt: text, font, size in pixels, distance to the next line, alignment.
LINES: tuple[tuple[str, str, int, int, str], ...] = (
    ("Café Lindenhof", ITALIC, 68, 88, "middle"),
    ("Hauptstraße 24 · 10827 Berlin", SERIF, 28, 42, "middle"),
    ("欢迎光临 · ようこそ", CJK, 32, 66, "middle"),
    ("Receipt No. 2026-1187", ROBOTO, 28, 40, "left"),
    ("22.11.2026   14:35", ROBOTO, 28, 58, "left"),
    ("2 Cappuccino|7.80", SERIF, 32, 46, "both"),
    ("1 Käsekuchen|4.50", SERIF, 32, 46, "both"),
    ("1 乌龙茶|3.90", CJK, 32, 46, "both"),
    ("1 抹茶ラテ|5.20", CJK, 32, 46, "both"),
    ("1 Croque Monsieur|9.40", SERIF, 32, 62, "both"),
    ("Total EUR|30.80", BOLD, 46, 66, "both"),
    ("incl. 19% VAT|4.92", ROBOTO, 24, 36, "both"),
    ("Paid by card ************4417", ROBOTO, 24, 64, "left"),
    ("Vielen Dank für Ihren Besuch!", ITALIC, 38, 52, "middle"),
    ("谢谢惠顾，欢迎再来", CJK, 34, 50, "middle"),
)
STICKER = "TABLE 7 - WINDOW"
Array = np.ndarray[Any, Any]


def receipt() -> Image.Image:
    """Return the receipt as it was printed."""
    paper = Image.new("RGB", (WIDTH, HEIGHT), (250, 247, 240))
    pen = ImageDraw.Draw(paper)
    top, left, right = 48, 56, WIDTH - 56
    for text, name, size, step, align in LINES:
        face = font(name, size)
        if align == "middle":
            pen.text((WIDTH / 2, top), text, fill=INK, font=face, anchor="ma")
        else:
            first, _, last = text.partition("|")
            pen.text((left, top), first, fill=INK, font=face)
            pen.text((right, top), last, fill=INK, font=face, anchor="ra")
        top += step
    paper.paste(sticker().rotate(180), (WIDTH - 330, HEIGHT - 100))
    return paper


def sticker() -> Image.Image:
    """Return the label that somebody stuck on upside down."""
    label = Image.new("RGB", (270, 60), (244, 214, 92))
    ImageDraw.Draw(label).text((135, 30), STICKER, fill=(60, 40, 10), font=font(BOLD, 27), anchor="mm")
    return label


def table(height: int, width: int, noise: np.random.Generator) -> Array:
    """Return a wooden table."""
    grain = noise.normal(0, 1, (height, 8)).repeat(-(-width // 8), axis=1)[:, :width]
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), sigmaX=60, sigmaY=1.6))
    wood = np.array([92, 62, 40], np.float32) + grain[..., None] * np.array([70, 52, 38], np.float32)
    return np.clip(wood, 0, 255)


def photograph(paper: Image.Image) -> Array:
    """Return the photograph, RGB: the receipt turned a quarter clockwise, from an angle, in lamplight."""
    noise = np.random.default_rng(7)
    page = np.ascontiguousarray(np.rot90(np.asarray(paper, np.float32), -1))
    height, width = page.shape[:2]
    out_width, out_height = 1480, 1080
    scene = table(out_height, out_width, noise)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    target = np.array([[165, 150], [1345, 105], [1400, 905], [120, 945]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (out_width, out_height)
    shadow = cv2.warpPerspective(np.ones(page.shape[:2], np.float32), matrix, size)
    shadow = np.asarray(cv2.GaussianBlur(np.roll(shadow, (14, 10), (0, 1)), (0, 0), 12))
    scene = scene * (1 - 0.45 * shadow[..., None])
    mask = np.asarray(cv2.warpPerspective(np.ones(page.shape[:2], np.float32), matrix, size))[..., None]
    seen = np.asarray(cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_CUBIC))
    scene = scene * (1 - mask) + seen * mask
    rows, columns = np.mgrid[0:out_height, 0:out_width]
    lamp = np.hypot((columns - 420) / 1500, (rows - 260) / 1200)
    scene = scene * np.clip(1.08 - 0.42 * lamp, 0, 1.1)[..., None] * np.array([1.0, 0.97, 0.9])
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.7))
    return np.clip(scene + noise.normal(0, 4.0, scene.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    Image.fromarray(photograph(receipt())).save(HERE / "receipt.jpg", quality=88)
