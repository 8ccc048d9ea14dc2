"""Parts of a page in the order of two columns. The rules are those of PaddleX 3.7.2's layout_parsing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from hpi_runtime.documents import labels
from hpi_runtime.documents.tables import lines_in

Box = Sequence[float]

# Lines in none of the parts are parts of this kind.
_OTHER = "other_text"


def matched(boxes: Sequence[Mapping[str, Any]], lines: Sequence[Box]) -> dict[int, list[int]]:
    """Return the lines of each part, but for those whose texts models of their own read, both by number."""
    return {
        place: lines_in(lines, box["coordinate"])
        for place, box in enumerate(boxes)
        if box["label"].lower() not in labels.READ_APART
    }


def sharing(lines: Mapping[int, Sequence[int]]) -> list[int]:
    """Return the parts that share lines with others."""
    counts = Counter(chain.from_iterable(lines.values()))
    return [place for place, own in lines.items() if any(counts[line] > 1 for line in own)]


def described(
    boxes: Sequence[Mapping[str, Any]], ocr: Mapping[str, Any], contents: Mapping[int, str]
) -> Iterator[dict[str, Any]]:
    """Yield parts and the lines in none of them, as PaddleX's ``parsing_res_list`` has them.

    Args:
        boxes: the parts.
        ocr: the record of the page's texts.
        contents: of parts whose texts are known already, by number.
    """
    lines = matched(boxes, ocr["rec_boxes"])
    for place, box in enumerate(boxes):
        said = "\n".join(ocr["rec_texts"][line] for line in lines.get(place, ()))
        yield _part(box["coordinate"], box["label"].lower(), contents.get(place, said))
    inside = {line for box in boxes for line in lines_in(ocr["rec_boxes"], box["coordinate"])}
    for line, corners in enumerate(ocr["rec_boxes"]):
        if line not in inside:
            yield _part(corners, _OTHER, ocr["rec_texts"][line])


def _part(box: Box, label: str, content: str) -> dict[str, Any]:
    return {"block_bbox": list(box), "block_label": label, "block_content": content}


def ordered(parts: Sequence[Mapping[str, Any]], width: float) -> list[Any]:
    """Return parts from top to bottom: between those that go across, first the left ones and then the right ones.

    Args:
        parts: with ``block_bbox``.
        width: of the page.
    """
    found: list[Any] = []
    left: list[Any] = []
    right: list[Any] = []
    for part in sorted(parts, key=lambda part: (part["block_bbox"][1], part["block_bbox"][0])):
        start, _, end, _ = part["block_bbox"]
        if start < width / 4 and end < 3 * width / 5:
            left.append(part)
        elif start > 2 * width / 5:
            right.append(part)
        else:
            found += [*left, *right, part]
            left, right = [], []
    return [*found, *left, *right]
