"""Pages that models might have found, without pictures: parts of all kinds and sizes, lines in and across them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

Box = list[float]

# PaddleX leaves these out of Markdown.
IGNORED = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]
_USUAL = ["text"] * 12 + ["paragraph_title"] * 4
_RARE = [
    *("doc_title", "image", "table", "chart", "figure_title", "table_title", "abstract", "reference", "content"),
    *("seal", "formula", "figure", "algorithm", "reference_content", *IGNORED),
]
_SAID = [
    *(
        "alpha beta",
        "Alpha, beta",
        "the end.",
        "word-",
        "中文文本",
        "中文。",
        "123",
        "价格:",
        "x",
        "",
        "A",
        "1.2 Title.",
    ),
    *("a long end of a line that is", "Abstract", "References"),
]


def page(seed: int) -> dict[str, Any]:
    """Return what models might find on a page: ``size``, ``boxes``, ``regions``, ``ocr`` and the HTML of ``tables``."""
    rng = random.Random(seed)
    width, height = rng.randint(300, 1600), rng.randint(400, 2000)
    parts = list(rng.choice([_columns, _columns, _columns, _grid, _anywhere])(rng, width, height))
    if rng.random() < 0.3:
        rng.shuffle(parts)
    boxes = [{"label": rng.choice(_USUAL + _RARE), "score": 0.9, "coordinate": box} for box in parts]
    lines = sorted(_lines(rng, parts, width, height), key=lambda line: (line[1], line[0]))
    polys = [[[left, top], [right, top], [right, bottom], [left, bottom]] for left, top, right, bottom in lines]
    ocr = {
        "rec_boxes": lines,
        "rec_texts": [rng.choice(_SAID) for _ in lines],
        "rec_scores": [0.9] * len(lines),
        "rec_polys": polys,
        "dt_polys": polys,
    }
    regions = [
        {"label": "Region", "score": 0.9, "coordinate": _box(rng, width, height, width, height)}
        for _ in range(rng.choice([0, 0, 1, 2, 3]))
    ]
    count = sum(box["label"] == "table" for box in boxes)
    tables = [f"<html><body><table><tr><td>{number}</td></tr></table></body></html>" for number in range(count)]
    size = [width, height]
    return {"size": size, "boxes": boxes, "regions": regions, "ocr": ocr, "tables": tables, "ignored": IGNORED}


def _columns(rng: random.Random, width: int, height: int) -> Iterator[Box]:
    count = rng.randint(1, 3)
    for column in range(count):
        top = rng.uniform(20, 60)
        while top < height - 60:
            high = rng.choice([rng.uniform(15, 40), rng.uniform(40, 300)])
            is_across = rng.random() < 0.1
            left = column * width / count + rng.uniform(2, 15)
            right = width - 10.0 if is_across else (column + 1) * width / count - rng.uniform(2, 15)
            yield [left, top, right, min(height - 1.0, top + high)]
            top += high + rng.choice([rng.uniform(1, 8), rng.uniform(8, 60)])


def _grid(rng: random.Random, width: int, height: int) -> Iterator[Box]:
    for row in range(rng.randint(1, 5)):
        for column in range(rng.randint(1, 4)):
            left, top = column * width / 4 + 5, row * height / 5 + 5
            yield [left, top, left + width / 4 - 5 - rng.uniform(0, 40), top + height / 5 - 5 - rng.uniform(0, 60)]


def _anywhere(rng: random.Random, width: int, height: int) -> Iterator[Box]:
    for _ in range(rng.randint(0, 14)):
        yield _box(rng, width, height, width / 2, height / 3)


def _box(rng: random.Random, width: int, height: int, widest: float, highest: float) -> Box:
    left, top = rng.uniform(0, width - 30), rng.uniform(0, height - 30)
    return [
        left,
        top,
        min(float(width), left + rng.uniform(10, widest)),
        min(float(height), top + rng.uniform(10, highest)),
    ]


def _lines(rng: random.Random, parts: list[Box], width: int, height: int) -> Iterator[list[int]]:
    is_vertical = rng.random() < 0.15
    for part in parts:
        if rng.random() < 0.15:
            continue
        for line in _upright(rng, part) if is_vertical else _level(rng, part, width):
            whole = [int(side) for side in line]
            if whole[2] > whole[0] and whole[3] > whole[1]:
                yield whole
    for _ in range(rng.randint(0, 3)):
        yield [int(side) for side in _box(rng, width, height, 200, 40)]


def _upright(rng: random.Random, part: Box) -> Iterator[Box]:
    left, top, right, bottom = part
    wide = rng.uniform(10, 30)
    while right - wide > left:
        yield [right - wide, top + rng.uniform(0, 5), right, bottom - rng.choice([0, 0, (bottom - top) * rng.random()])]
        right -= wide * 1.2


def _level(rng: random.Random, part: Box, width: int) -> Iterator[Box]:
    left, top, right, bottom = part
    high = rng.uniform(10, 30)
    while top + high < bottom + 5:
        start = left + rng.choice([0, 0, rng.uniform(0, 40)])
        end = right - rng.choice([0, 0, (right - left) * rng.random()])
        if rng.random() < 0.1:
            end = min(float(width), end + rng.uniform(0, 300))
        if rng.random() < 0.2:
            middle = (start + end) / 2
            yield [start, top, middle - 2, top + high]
            start = middle + 2
        yield [start, top, end, top + high]
        top += high * 1.2
