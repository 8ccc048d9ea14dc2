"""How far results are from the truth, where it is known: characters, boxes, classes, angles.

A ``truth.json`` holds ``inputs``: by file name, what is on a picture. ``lines`` (each its ``text`` and
``poly``, four corners from where the text begins, clockwise), ``label`` (of its class), ``angle`` (by
which the page is turned).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.files import ReadError, read_bounded

from hpi_runtime.errors import PlanError

FILE = "truth.json"
# A box counts as found if found boxes cover this part of it.
_COVERED = 0.7
# What tells that a result is about lines; one that failed is about everything.
_BOXES = frozenset({"dt_polys", "error", "rec_polys"})

Truth = Mapping[str, Mapping[str, Any]]


@dataclass
class Accuracy:
    """Counts over all inputs whose truth is known.

    Attributes:
        inputs: how many there were.
        characters: true ones, white space left out.
        mistakes: insertions, deletions and substitutions to get from what was read to the truth.
        boxes, boxes_found: true lines, and those of which found boxes cover 70 %.
        labels, labels_right: inputs with a true class or angle, and those that got it.
    """

    inputs: int = 0
    characters: int = 0
    mistakes: int = 0
    boxes: int = 0
    boxes_found: int = 0
    labels: int = 0
    labels_right: int = 0

    def add(self, result: Mapping[str, Any], truth: Mapping[str, Any]) -> None:
        """Take in the result of one input; one that failed found nothing."""
        self.inputs += 1
        # A classifier's result has no boxes, and says nothing of lines.
        if "lines" in truth and not _BOXES.isdisjoint(result):
            self._add_lines(result, truth["lines"])
        for name, found in (("label", _first(result.get("label_names"))), ("angle", result.get("angle"))):
            if name in truth:
                self.labels += 1
                self.labels_right += str(found) == str(truth[name])

    @property
    def error_rate(self) -> float | None:
        """The character error rate: mistakes ÷ true characters."""
        return self.mistakes / self.characters if self.characters else None

    @property
    def box_recall(self) -> float | None:
        """The part of the true lines that was found."""
        return self.boxes_found / self.boxes if self.boxes else None

    @property
    def label_share(self) -> float | None:
        """The part of the classes and angles that is right."""
        return self.labels_right / self.labels if self.labels else None

    def to_json(self) -> dict[str, float]:
        """Return the measures that there is a truth for."""
        known = {
            "box_recall": self.box_recall,
            "character_error_rate": self.error_rate,
            "label_share": self.label_share,
        }
        return {name: round(value, 6) for name, value in known.items() if value is not None}

    def _add_lines(self, result: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
        # A detector alone gives boxes without texts.
        found = result.get("rec_polys", result.get("dt_polys", []))
        polys = [np.array(poly, np.float32) for poly in found]
        wanted = [np.array(line["poly"], np.float32) for line in lines]
        owners = [_owner(poly, wanted) for poly in polys]
        for index, true in enumerate(wanted):
            own = [poly for poly, owner in zip(polys, owners, strict=True) if owner == index]
            covered = sum(cv2.intersectConvexConvex(true, poly)[0] for poly in own)
            self.boxes += 1
            self.boxes_found += covered >= _COVERED * cv2.contourArea(true)
        if "rec_texts" in result or "error" in result:
            self._add_texts(result.get("rec_texts", []), polys, owners, lines)

    def _add_texts(
        self,
        texts: Sequence[str],
        polys: Sequence[Any],
        owners: Sequence[int | None],
        lines: Sequence[Mapping[str, Any]],
    ) -> None:
        from rapidfuzz.distance import Levenshtein

        for index, line in enumerate(lines):
            corners = np.array(line["poly"], np.float32)
            own = [place for place, owner in enumerate(owners) if owner == index]
            # Along the direction of writing, which may be any.
            own.sort(key=lambda place: float(polys[place].mean(axis=0) @ (corners[1] - corners[0])))
            true = _plain(line["text"])
            self.characters += len(true)
            self.mistakes += Levenshtein.distance(_plain("".join(texts[place] for place in own)), true)
        # Text where there is none is wrong from its first letter to its last.
        self.mistakes += sum(len(_plain(text)) for text, owner in zip(texts, owners, strict=True) if owner is None)


def load(path: Path) -> Truth:
    """Read a ``truth.json``.

    Raises:
        PlanError: it cannot be read, or is none.
    """
    try:
        inputs = loads(read_bounded(path))["inputs"]
        for entry in inputs.values():
            for line in entry.get("lines", ()):
                if not isinstance(line["text"], str) or np.array(line["poly"], np.float32).shape != (4, 2):
                    raise ValueError(f"{line} is no line")
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    except (JsonError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise PlanError(f"{path} is no truth: it needs `inputs`, and lines with `text` and `poly` ({fault})") from None
    found: Truth = inputs
    return found


def _plain(text: str) -> str:
    """Return a text without what readers rightly differ in: white space, and forms such as full-width letters."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def _owner(poly: Any, lines: Sequence[Any]) -> int | None:
    """Return the true line in which the middle of a box lies deepest, None if it lies in none."""
    middle = tuple(float(value) for value in poly.mean(axis=0))
    depths = [cv2.pointPolygonTest(line, middle, True) for line in lines]
    best = int(np.argmax(depths)) if depths else 0
    return best if depths and depths[best] >= 0 else None
