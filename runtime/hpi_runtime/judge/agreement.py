"""How far the results of two pipelines are the same: texts, classes, boxes, angles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

# Fields of a result by what they tell; PaddleX's names.
_TEXTS = ("rec_texts", "rec_text")
_CLASSES = ("class_ids",)
_BOXES = ("dt_polys", "rec_polys")
_ANGLES = ("angle", "textline_orientation_angles")
# Two boxes that cover each other to this part are one.
_OVERLAP = 0.9
_MOST_FAULTS = 20


@dataclass
class Agreement:
    """Counts over all inputs.

    Attributes:
        inputs: how many there were.
        compared: how many of them both have a result for.
        same, all: per kind of result, how many are the same, of how many.
        faults: inputs of which not both have a result, the first of them.
    """

    inputs: int = 0
    compared: int = 0
    same: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """Take in the results of one input."""
        self.inputs += 1
        failed = [record for record in (found, expected) if "error" in record]
        if failed:
            who = "neither has a result" if len(failed) > 1 else f"{_who(found)} fails"
            if len(self.faults) < _MOST_FAULTS:
                self.faults.append(f"{failed[0]['input_path']}: {who}: {failed[0]['error']['message']}")
            return
        self.compared += 1
        for name in _TEXTS:
            if name in expected:
                self._count("texts", *_equal(_listed(found.get(name)), _listed(expected[name])))
        for name in _CLASSES:
            if name in expected:
                # The first is the answer; what follows are its rivals, often close.
                self._count("classes", *_in_place(_listed(found.get(name))[:1], _listed(expected[name])[:1]))
        for name in _BOXES:
            if name in expected:
                self._count("boxes", *_covered(found.get(name) or [], expected[name]))
        for name in _ANGLES:
            if name in expected:
                self._count("angles", *_in_place(_listed(found.get(name)), _listed(expected[name])))

    def shares(self) -> dict[str, float]:
        """Return the part that is the same, by kind; 1 where there was nothing to compare."""
        return {kind: self.same[kind] / total if total else 1.0 for kind, total in sorted(self.all.items())}

    @property
    def worst(self) -> float:
        """The least of the shares."""
        return min(self.shares().values(), default=1.0)

    def _count(self, kind: str, same: int, total: int) -> None:
        self.same[kind] += same
        self.all[kind] += total


def _who(found: Mapping[str, Any]) -> str:
    return "the plan" if "error" in found else "the reference"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _equal(found: Sequence[Any], expected: Sequence[Any]) -> tuple[int, int]:
    """Count what is in both, wherever it stands."""
    both = Counter(found) & Counter(expected)
    return sum(both.values()), max(len(found), len(expected))


def _in_place(found: Sequence[Any], expected: Sequence[Any]) -> tuple[int, int]:
    """Count what is the same at the same place."""
    return sum(map(lambda one, other: one == other, found, expected)), max(len(found), len(expected))


def _covered(found: Sequence[Any], expected: Sequence[Any]) -> tuple[int, int]:
    """Count the boxes that have a counterpart."""
    left = [np.array(box, np.float32) for box in found]
    same = 0
    for box in expected:
        overlaps = [_overlap(np.array(box, np.float32), other) for other in left]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= _OVERLAP:
            same += 1
            left.pop(best)
    return same, max(len(found), len(expected))


def _overlap(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Return the intersection of two convex polygons over their union."""
    areas = float(cv2.contourArea(one)), float(cv2.contourArea(other))
    common = float(cv2.intersectConvexConvex(one, other)[0])
    union = sum(areas) - common
    return common / union if union else float(np.array_equal(one, other))
