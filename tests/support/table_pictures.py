"""Rendered tables with their truth: ruled or not, with spans and empty cells, in several fonts and scripts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

_FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")
_WORDS = {
    "latin": ("Alpha", "Beta", "Total", "Unit", "Price", "Menge"),
    "greek": ("Τιμή", "Σύνολο", "Είδος", "Βάρος"),
    "cyrillic": ("Цена", "Итого", "Товар", "Вес"),
}
_MARGIN = 12


@dataclass(frozen=True)
class Table:
    """A picture of a table, and what it is.

    Attributes:
        image: BGR.
        tokens: its structure, without what stands around it: HTML without texts and without head and body.
        texts: of its cells, in the order of the HTML.
    """

    image: np.ndarray[Any, Any]
    tokens: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def html(self) -> str:
        """The whole table with its texts."""
        cells = iter(self.texts)
        parts = [f"{next(cells)}{token}" if token == "</td>" else token for token in self.tokens]
        filled = [f"<td>{next(cells)}</td>" if part == "<td></td>" else part for part in parts]
        return f"<table>{''.join(filled)}</table>"


def render(
    seed: int,
    rows: int,
    columns: int,
    is_ruled: bool = True,
    spans: Any = (),
    script: str = "latin",
    empty: float = 0.0,
) -> Table:
    """Render a table.

    Args:
        seed: of its texts and font.
        rows, columns: how many.
        is_ruled: lines stand around every cell, and not only around the head.
        spans: of cells that cover several: row, column, rows and columns covered.
        script: of the words.
        empty: the part of the cells without text.
    """
    import matplotlib.font_manager
    import PIL.Image
    from PIL import ImageDraw, ImageFont

    rng = random.Random(seed)
    font = ImageFont.truetype(matplotlib.font_manager.findfont(rng.choice(_FONTS)), 18)
    wide, high = 130, 42
    sheet = PIL.Image.new("RGB", (columns * wide + 2 * _MARGIN, rows * high + 2 * _MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    covering = {(row, column): (down, along) for row, column, down, along in spans}
    covered = {
        (row + one, column + other)
        for row, column, down, along in spans
        for one in range(down)
        for other in range(along)
        if (one, other) != (0, 0)
    }
    tokens: list[str] = []
    texts: list[str] = []
    for row in range(rows):
        tokens.append("<tr>")
        for column in (column for column in range(columns) if (row, column) not in covered):
            down, along = covering.get((row, column), (1, 1))
            tokens += _cell(down, along)
            left, top = _MARGIN + column * wide, _MARGIN + row * high
            box = (left, top, left + along * wide, top + down * high)
            is_head = row == 0 or column == 0
            text = rng.choice(_WORDS[script]) if is_head else f"{rng.uniform(1, 999):.2f}"
            text = "" if not is_head and rng.random() < empty else text
            texts.append(text)
            if is_ruled:
                pen.rectangle(box, outline="black", width=2)
            pen.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), text, font=font, fill="black", anchor="mm")
        tokens.append("</tr>")
    if not is_ruled:
        for line in (0, 1, rows):
            height = _MARGIN + line * high
            pen.line((_MARGIN, height, _MARGIN + columns * wide, height), fill="black", width=2)
    return Table(np.asarray(cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR)), tuple(tokens), tuple(texts))


def several() -> list[Table]:
    """Return tables of every kind."""
    return [
        render(1, 4, 4),
        render(2, 6, 5, is_ruled=False),
        render(3, 5, 4, spans=[(0, 1, 1, 2)]),
        render(4, 6, 4, spans=[(1, 0, 2, 1)]),
        render(5, 7, 6, is_ruled=False, script="greek"),
        render(6, 5, 5, spans=[(0, 1, 1, 2), (0, 3, 1, 2)], script="cyrillic"),
        render(7, 5, 4, empty=0.3),
    ]


def plain(tokens: list[str]) -> tuple[str, ...]:
    """Return a structure without what stands around it, and without head and body, which no picture shows."""
    return tuple(token for token in tokens[3:-3] if token not in ("<thead>", "</thead>", "<tbody>", "</tbody>"))


def _cell(down: int, along: int) -> list[str]:
    if (down, along) == (1, 1):
        return ["<td></td>"]
    spans = [f' rowspan="{down}"'] if down > 1 else []
    spans += [f' colspan="{along}"'] if along > 1 else []
    return ["<td", *spans, ">", "</td>"]
