"""The text of a block, from the lines that were read in it. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hpi_runtime.documents.blocks import Block
from hpi_runtime.documents.boxes import HORIZONTAL, SMALLER, VERTICAL, Box, across, around, ends, overlap_along

# Spans are in one line if they share this part of the smaller of them, across the direction of lines.
_ONE_LINE = 0.6
# What stands between the lines of some blocks.
_BETWEEN = {"doc_title": " ", "content": "\n"}
# After these no paragraph ends.
_GOING_ON = frozenset(",，、;；:：-'\"“")
_REFERENCE = "reference"


class _Line:
    """Spans of text side by side.

    Attributes:
        breaks: a paragraph ends after it.
    """

    def __init__(self, box: Box, text: str, direction: str) -> None:
        self.spans: list[tuple[Box, str]] = [(box, text)]
        self.direction = direction
        self.breaks = False

    @property
    def box(self) -> np.ndarray[Any, Any]:
        return around(box for box, _ in self.spans)

    @property
    def height(self) -> Any:
        start, end = ends(self.box, across(self.direction))
        return abs(end - start)

    @property
    def width(self) -> Any:
        start, end = ends(self.box, self.direction)
        return abs(end - start)

    def sort(self) -> None:
        if self.direction == HORIZONTAL:
            self.spans.sort(key=lambda span: (span[0][0] // 2, span[0][1]))
        else:
            self.spans.sort(key=lambda span: (span[0][1] // 2, -span[0][3]))

    def said(self, start: float, stop: float, widest: float) -> str:
        """Return its text with what ends it: nothing, a space, or a new line.

        Args:
            start, stop: where the block begins and ends.
            widest: of the lines so far.
        """
        text = ""
        for _, part in self.spans:
            text += part
            text += " " if part and _is_letter(text[-1]) else ""
        text = text.removesuffix(" ")
        if not text:
            return ""
        last = text[-1]
        left = stop - ends(self.spans[-1][0], self.direction)[1]
        is_word, goes_on = _is_letter(last), last in _GOING_ON
        is_number = last.isdecimal()
        if not (is_word or goes_on or is_number) or left > widest * 0.3:
            limit = self.height * 1.5
            is_indented = self.direction == VERTICAL and self.spans[0][0][1] - start > limit
            self.breaks = self.breaks or left > limit or is_indented
        if text.endswith("-"):
            return text[:-1]
        text += " " if is_word else ""
        if (not is_word and not is_number) or self.direction == VERTICAL:
            is_end = left > widest * 0.3 and not goes_on
        else:
            is_end = left > (stop - start) * 0.5
        self.breaks = self.breaks or bool(is_end)
        return text + "\n" if is_end else text


def fill(block: Block, boxes: Sequence[Box], texts: Sequence[str]) -> None:
    """Put the text of spans into a block, in lines and paragraphs.

    Args:
        block: gets its content, its direction, and the sizes of its lines.
        boxes: of spans, in pixels of the page.
        texts: of them.
    """
    if not texts:
        block.content = ""
        return
    wide = sum((box[2] - box[0]) * 1.5 >= box[3] - box[1] for box in boxes)
    block.turn(HORIZONTAL if wide >= len(boxes) * 0.5 else VERTICAL)
    lines = _lines(block, boxes, texts)
    start, stop = ends(block.box, block.direction)
    if block.label == _REFERENCE:
        start, stop = ends(around(boxes), block.direction)
    said: list[str] = []
    for number, line in enumerate(lines):
        widest = max(one.width for one in lines[: number + 1])
        line.sort()
        said.append(line.said(start, stop, widest))
        if number == 0:
            block.text_start = line.spans[0][0][0]
        elif number == len(lines) - 1:
            block.text_end = line.spans[-1][0][2]
    between = _BETWEEN.get(block.label)
    block.content = between.join(said) if between else "".join(_paragraphs(lines, said, start, stop))
    block.line_count = len(said)


def _lines(block: Block, boxes: Sequence[Box], texts: Sequence[str]) -> list[_Line]:
    is_vertical = block.direction == VERTICAL
    spans = list(zip(boxes, texts, strict=True))
    spans.sort(key=lambda span: span[0][0] if is_vertical else span[0][1], reverse=is_vertical)
    lines: list[_Line] = []
    for box, text in spans:
        if lines and overlap_along(lines[-1].box, box, block.across, SMALLER) >= _ONE_LINE:
            lines[-1].spans.append((box, text))
        else:
            lines.append(_Line(box, text, block.direction))
    if is_vertical:
        lines = _without_notes(lines)
    block.line_height = np.mean([line.height for line in lines])
    block.line_width = np.mean([line.width for line in lines])
    return lines


def _without_notes(lines: list[_Line]) -> list[_Line]:
    """Return vertical lines without those that are much larger than most, if those of one size are few."""
    heights = np.array([line.height for line in lines])
    if heights.max() <= heights.min() * 2 or (heights < heights.min() * 1.1).sum() >= len(lines) * 0.4:
        return lines
    return [line for line, height in zip(lines, heights, strict=True) if height <= heights.min() * 1.1]


def _paragraphs(lines: Sequence[_Line], said: Sequence[str], start: float, stop: float) -> Iterator[str]:
    """Yield the texts of lines, with new lines where paragraphs begin or end."""
    breaks = sum(line.breaks for line in lines)
    is_after_short = ends_line = False
    last = ""
    for line, text in zip(lines, said, strict=True):
        if not text:
            continue
        first, end = ends(line.box, line.direction)
        indent = first - start
        is_indented = indent > line.height * 1.5 and not (_is_letter(last) or last.isdecimal())
        if is_after_short and (is_indented or indent > (stop - start) * 0.4) and not ends_line:
            text = "\n" + text
        yield text
        last = text[-2] if len(text) > 2 and text.endswith(" ") else text[-1]
        ends_line = text.endswith("\n")
        goes_on = ends_line or _is_letter(last) or last in _GOING_ON or last.isdecimal()
        if (not goes_on and breaks > len(said) * 0.5) or breaks > len(said) * 0.6:
            yield "\n"
            ends_line = True
        is_after_short = is_after_short or bool(stop - end > (stop - start) * 0.3)


def _is_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()
