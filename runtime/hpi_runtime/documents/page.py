"""A page between finding its parts and its texts, and putting them together. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.documents import labels, regions, text
from hpi_runtime.documents.blocks import Block, Region
from hpi_runtime.documents.boxes import SMALLER, Box, area, intersection, overlap
from hpi_runtime.documents.order import ordered
from hpi_runtime.documents.tables import lines_in
from hpi_runtime.pictures import Image
from hpi_runtime.pictures.geometry import corners

# Of two blocks that share this part of the smaller, one is dropped.
_SAME = 0.5
# The only title of a page that has this part of the area of its largest block is that of the document.
_LARGE_TITLE = 0.3
# A line is read again as part of another if they share this part of the smaller.
_AGAIN = 0.8
_FAR = 65535
_FOOTNOTE, _TEXT, _TITLE, _DOC_TITLE, _IMAGE = "footnote", "text", "paragraph_title", "doc_title", "image"


class Page:
    """A page whose lines are matched with its blocks.

    Lines that lie in several blocks are parted and read again, and so are blocks without any line: ``pieces`` of the
    picture go to the reader twice, and what it says comes back.

    Attributes:
        image: the page.
        found: its parts, as a detector gave them.
        boxes: its parts, with ``label``, ``score`` and ``coordinate``, without those of overlapping ones that are
            dropped.
        texts: its lines: ``rec_boxes``, ``rec_texts``, ``rec_scores``, ``rec_polys``, ``dt_polys``.
        kept: which of those that were found they are.
    """

    def __init__(
        self, image: Image, boxes: Sequence[Mapping[str, Any]], ocr: Mapping[str, Any], threshold: float
    ) -> None:
        """Match lines with blocks.

        Args:
            image: the page, upright and flat.
            boxes: its parts.
            ocr: the record of its texts.
            threshold: what a line scores at least.
        """
        self.image = image
        self.found = boxes
        self._threshold = threshold
        self.kept = _without_overlaps(boxes)
        self.boxes = [dict(boxes[place]) for place in self.kept]
        self.texts: dict[str, Any] = {
            key: list(ocr[key]) for key in ("rec_texts", "rec_scores", "rec_polys", "dt_polys")
        }
        # Whole numbers until a line is added that has others, as in PaddleX.
        self.texts["rec_boxes"] = np.array(ocr["rec_boxes"], np.int32).reshape(-1, 4)
        self._lines: dict[int, list[int]] = {}
        self._owners: dict[int, list[int]] = {}
        for place, box in enumerate(self.boxes):
            if box["label"].lower() not in labels.READ_APART:
                # In the order of a set of them, as in PaddleX.
                self._lines[place] = list(set(lines_in(self.texts["rec_boxes"], box["coordinate"])))
                for line in self._lines[place]:
                    self._owners.setdefault(line, []).append(place)
        self._relabel()
        self._parts = self._shared_lines()
        self._unread: list[int] = []

    def _relabel(self) -> None:
        """Footnotes above the last text are text, and the only title may be that of the document."""
        said = [box["label"].lower() for box in self.boxes]
        last = max(
            (box["coordinate"][3] for box, label in zip(self.boxes, said, strict=True) if label == _TEXT), default=0
        )
        for box, label in zip(self.boxes, said, strict=True):
            if label == _FOOTNOTE and box["coordinate"][3] < last:
                box["label"] = _TEXT
        if said.count(_TITLE) == 1 and _DOC_TITLE not in said:
            title = self.boxes[said.index(_TITLE)]
            largest = max(area(box["coordinate"]) for box in self.boxes)
            if area(title["coordinate"]) > largest * _LARGE_TITLE:
                title["label"] = _DOC_TITLE

    # -- reading again -----------------------------------------------------------------------------

    def _shared_lines(self) -> list[tuple[int, int, Any, Any]]:
        """Return the parts of lines that lie in several blocks: line, block, and the part as box and polygon."""
        found = []
        for line, places in self._owners.items():
            if len(places) > 1:
                box, poly = self.texts["rec_boxes"][line].copy(), self.texts["rec_polys"][line]
                for place in places:
                    block = self.boxes[place]["coordinate"]
                    found.append((line, place, intersection(box, block), _corners(intersection(_around(poly), block))))
        return found

    def shared_pieces(self) -> list[Image]:
        """Return the pictures of parts of lines that lie in several blocks."""
        return [self._piece(box) for _, _, box, _ in self._parts]

    def put_shared(self, texts: Sequence[str], scores: Sequence[float]) -> None:
        """Take what was read of them, each part for its block."""
        first: set[int] = set()
        for (line, place, box, poly), said, score in zip(self._parts, texts, scores, strict=True):
            for other in self._lines[place]:
                if overlap(self.texts["rec_boxes"][other], box, SMALLER) > _AGAIN:
                    self.texts["rec_texts"][other] = ""
            if score < self._threshold:
                continue
            if line in first:
                self._add(place, said, score, box, poly)
                self.texts["dt_polys"].append(poly)
                self._lines[place].remove(line)
            else:
                first.add(line)
                self.texts["rec_boxes"][line] = box
                for key, value in (("rec_texts", said), ("rec_scores", score), ("rec_polys", poly), ("dt_polys", poly)):
                    self.texts[key][line] = value

    def unread_pieces(self) -> list[Image]:
        """Return the pictures of blocks in which no text was found."""
        self._unread = [
            place
            for place, lines in self._lines.items()
            if self.boxes[place]["label"] not in labels.VISIONS
            and not any(self.texts["rec_texts"][line] for line in lines)
            and self._piece(self.boxes[place]["coordinate"]).size
        ]
        return [self._piece(self.boxes[place]["coordinate"]) for place in self._unread]

    def put_unread(self, texts: Sequence[str], scores: Sequence[float]) -> None:
        """Take what was read of them."""
        for place, said, score in zip(self._unread, texts, scores, strict=True):
            if score >= self._threshold:
                box = np.array(self.boxes[place]["coordinate"])
                self._add(place, said, score, box, _corners(box))

    def _piece(self, box: Box) -> Image:
        left, top, right, bottom = (int(side) for side in box)
        return self.image[top:bottom, left:right]

    def _add(self, place: int, said: str, score: float, box: Any, poly: Any) -> None:
        self.texts["rec_boxes"] = (
            np.vstack((self.texts["rec_boxes"], box)) if len(self.texts["rec_boxes"]) else box[None]
        )
        for key, value in (("rec_texts", said), ("rec_scores", score), ("rec_polys", poly)):
            self.texts[key].append(value)
        self._lines[place].append(len(self.texts["rec_texts"]) - 1)

    # -- putting together --------------------------------------------------------------------------

    def blocks(self, found: Sequence[Mapping[str, Any]], contents: Mapping[int, str]) -> list[Block]:
        """Return the blocks of the page in reading order.

        Args:
            found: its regions, as a detector gives them.
            contents: what tables (HTML) and stamps say, by the place of their box among those that the page was made
                of.
        """
        if not self.boxes:
            # What was read stands for what was not found.
            self.boxes = [{"label": _TEXT, "coordinate": box} for box in self.texts["rec_boxes"]]
            self.kept = list(range(len(self.boxes)))
            self._lines = {place: [place] for place in self.kept}
        blocks = [self._block(place, contents) for place in range(len(self.boxes))]
        corners = [box["coordinate"] for box in self.boxes]
        whole = [_FAR, _FAR, 0, 0]
        for box in corners:
            whole = _widened(whole, box)
        height, width = self.image.shape[:2]
        boxes, places = regions.parted(
            [box["coordinate"] for box in found], corners, [block.label for block in blocks], (width, height), whole
        )
        parts = [
            Region(np.array(box).astype(int), [blocks[place] for place in own])
            for box, own in zip(boxes, places, strict=True)
            if own
        ]
        page = [_FAR, _FAR, 0, 0]
        for part in parts:
            page = _widened(page, part.box)
        return [block for part in ordered(Region(page, parts)) if isinstance(part, Region) for block in ordered(part)]

    def _block(self, place: int, contents: Mapping[int, str]) -> Block:
        box = self.boxes[place]
        block = Block(box["label"], box["coordinate"])
        content = contents.get(self.kept[place])
        if content is not None:
            block.content = content
            return block
        lines = self._lines.get(place, [])
        if box["label"] == "formula":
            lines = list(set(lines_in(self.texts["rec_boxes"], box["coordinate"])))
        text.fill(
            block, [self.texts["rec_boxes"][line] for line in lines], [self.texts["rec_texts"][line] for line in lines]
        )
        return block


def _without_overlaps(boxes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return which boxes are left when of two that overlap the smaller is dropped, or the only picture of them."""
    dropped: set[int] = set()
    for one, box in enumerate(boxes):
        for other in range(one + 1, len(boxes)):
            if one in dropped or other in dropped:
                continue
            corners, corners2 = box["coordinate"], boxes[other]["coordinate"]
            if overlap(corners, corners2, SMALLER) <= _SAME:
                continue
            is_picture = box["label"] == _IMAGE
            if is_picture != (boxes[other]["label"] == _IMAGE):
                dropped.add(one if is_picture else other)
            else:
                dropped.add(one if area(corners) <= area(corners2) else other)
    return [place for place in range(len(boxes)) if place not in dropped]


def _widened(whole: Sequence[int], box: Box) -> list[int]:
    return [
        *(int(min(side, side2)) for side, side2 in zip(box[:2], whole[:2], strict=True)),
        *(int(max(side, side2)) for side, side2 in zip(box[2:], whole[2:], strict=True)),
    ]


def _around(poly: Any) -> Any:
    corners = np.array(poly)
    return [*corners.min(axis=0), *corners.max(axis=0)]


def _corners(box: Box) -> np.ndarray[Any, Any]:
    return np.array(corners([*box]), np.int32)
