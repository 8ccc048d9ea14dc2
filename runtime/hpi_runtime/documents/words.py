"""Words of a line of text, and where they are. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Corner = tuple[float, float]
Box = tuple[Corner, Corner, Corner, Corner]

_CHINESE, _WORD, _SYMBOL = "chinese", "word", "symbol"
_LETTERS = re.compile(r"[a-zA-Z0-9]")
# A line this much higher than wide runs down.
_VERTICAL = 1.5
# Boxes whose middles are no farther apart stand on one line, in pixels.
_SAME_LINE = 12


class Columns(NamedTuple):
    """Where a recogniser read each character of a line.

    Attributes:
        text: the characters as they were read.
        places: the column of each.
        width: how many columns the line has, without padding.
    """

    text: str
    places: Sequence[int]
    width: float


def words(columns: Columns, poly: np.ndarray[Any, Any]) -> tuple[list[str], list[list[int]]]:
    """Return the words of a line, each Chinese character alone, and their boxes: left, top, right, bottom.

    Args:
        columns: of its characters.
        poly: four corners, clockwise from where the text begins.
    """
    across, down = np.ptp(poly, axis=0)
    is_vertical = across == 0 or down / across > _VERTICAL
    (left, top), right, bottom = poly[0].tolist(), int(poly[1][0]), int(poly[2][1])
    start, length = (top, bottom - top) if is_vertical else (left, right - left)
    cell = length / columns.width
    said: list[str] = []
    spans: list[tuple[float, float]] = []
    characters: list[int] = []
    sizes: list[float] = []
    for kind, text, places in _runs(columns):
        if kind == _CHINESE:
            said += text
            characters += places
            if len(places) > 1:
                sizes.append((places[-1] - places[0] + 1) * cell / (len(places) - 1))
            continue
        said.append(text)
        spans.append((start + int(places[0] * cell), start + int((places[-1] + 1) * cell)))
    size = float(np.mean(sizes)) if sizes else length / max(1, len(columns.text))
    for place in characters:
        middle = (place + 0.5) * cell
        first, last = max(int(middle - size / 2), 0), min(int(middle + size / 2), length)
        spans.append((first + start, last + start))
    boxes = [
        ((left, first), (left, last), (right, last), (right, first))
        if is_vertical
        else ((first, top), (last, top), (last, bottom), (first, bottom))
        for first, last in spans
    ]
    return said, [_around(box) for box in _in_order(boxes)]


def _runs(columns: Columns) -> Iterator[tuple[str, str, list[int]]]:
    """Yield characters of one kind that follow each other, with their columns."""
    kinds: list[str] = []
    for place, char in enumerate(columns.text):
        is_in_word = bool(kinds) and kinds[-1] == _WORD
        after = columns.text[place + 1 : place + 2]
        if is_in_word and (char == "-" or (char == "." and re.match("[0-9]", after))):
            kinds.append(_WORD)
        elif "\u4e00" <= char <= "\u9fff":
            kinds.append(_CHINESE)
        else:
            kinds.append(_WORD if _LETTERS.match(char) else _SYMBOL)
    start = 0
    for end in range(1, len(kinds) + 1):
        if end == len(kinds) or kinds[end] != kinds[start]:
            yield kinds[start], columns.text[start:end], [int(place) for place in columns.places[start:end]]
            start = end


def _in_order(boxes: Sequence[Box]) -> list[Box]:
    """Return boxes from top to bottom, and from left to right where they stand on one line."""
    centred = [(np.mean(box, axis=0).tolist(), box) for box in boxes]
    lines: list[list[Any]] = []
    last = 0.0
    for centre, box in sorted(centred, key=lambda item: item[0][1]):
        if not lines or abs(centre[1] - last) >= _SAME_LINE:
            lines.append([])
        lines[-1].append((centre, box))
        last = centre[1]
    return [box for line in lines for _, box in sorted(line, key=lambda item: item[0][0])]


def _around(box: Box) -> list[int]:
    corners = np.array(box)
    return [int(side) for side in (*corners.min(axis=0), *corners.max(axis=0))]
