"""How far results are from the truth, where it is known; how that is counted, the kinds of their fields know.

A ``truth.json`` holds ``inputs``: by file name, what is on a picture. ``lines`` (each its ``text`` and
``poly``, four corners from where the text begins, clockwise), ``objects`` (each its ``label`` and ``coordinate``:
left, top, right, bottom), ``label`` (of its class), ``angle`` (by which the page is turned).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.values import Value

from hpi_runtime import kinds
from hpi_runtime.errors import PlanError

FILE = "truth.json"

Truth = Mapping[str, Mapping[str, Any]]


@dataclass
class Accuracy:
    """Counts over all inputs whose truth is known.

    Attributes:
        inputs: how many there were.
        characters: true ones, white space left out.
        mistakes: insertions, deletions and substitutions to get from what was read to the truth.
        boxes, boxes_found: true lines or things, and those of which enough was found.
        labels, labels_right: inputs with a true class or angle, and those that got it.
        tables: true ones, or those found where that is more.
        tables_alike: the sum over the tables of how like the true one they are, in millionths.
    """

    inputs: int = 0
    characters: int = 0
    mistakes: int = 0
    boxes: int = 0
    boxes_found: int = 0
    labels: int = 0
    labels_right: int = 0
    tables: int = 0
    tables_alike: int = 0

    def add(self, result: Mapping[str, Any], fields: Mapping[str, Value], truth: Mapping[str, Any]) -> None:
        """Take in the result of one input; one that failed found nothing.

        Args:
            result: the record.
            fields: what each of its fields is.
            truth: of the input.
        """
        self.inputs += 1
        for name, field in fields.items():
            if field.truth in truth:
                counts = kinds.find(field.kind).score(result.get(name), kinds.beside(result, field), truth[field.truth])
                for count, number in counts.items():
                    setattr(self, count, getattr(self, count) + number)

    @property
    def error_rate(self) -> float | None:
        """The character error rate: mistakes ÷ true characters."""
        return self.mistakes / self.characters if self.characters else None

    @property
    def box_recall(self) -> float | None:
        """The part of the true lines and things that was found."""
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
            "table_likeness": self.tables_alike / 1e6 / self.tables if self.tables else None,
        }
        return {name: round(value, 6) for name, value in known.items() if value is not None}


def name(result: Mapping[str, Any]) -> str:
    """Return by what name a truth knows the input of a result."""
    return Path(str(result["input_path"])).name


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
            for thing in entry.get("objects", ()):
                if not isinstance(thing["label"], str) or np.array(thing["coordinate"], np.float32).shape != (4,):
                    raise ValueError(f"{thing} is no thing")
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    except (JsonError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise PlanError(f"{path} is no truth: it needs `inputs`, and lines with `text` and `poly` ({fault})") from None
    found: Truth = inputs
    return found
