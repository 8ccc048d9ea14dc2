"""What all kinds share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpi_runtime.pictures import Image
    from hpi_runtime.results.canvas import Canvas

# How many are the same, of how many.
Agreed = tuple[int, int]


class Kind:
    """What a value is: how it is written, drawn, compared and scored.

    A value is what a task or an op gives; in a record it stands as JSON. What each method takes is one or the other.
    """

    # By what name agreement is told; empty where values are not compared.
    measure = ""
    # Whether ``draw`` does something.
    is_drawn = False
    # Whether it has a form in JSON; what has none is left out of records.
    is_json = True
    # Whether it can be kept in a file, to be gone on with in another process.
    is_kept = True

    def to_json(self, value: Any) -> Any:
        """Return a value as plain JSON."""
        return value

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw a value.

        Args:
            canvas: to draw on.
            value: JSON, or a picture.
            beside: other fields of the record, by the role that the contract gives them here.
        """

    def files(self, value: Any, facts: Mapping[str, Any], image: Image | None, folder: str) -> dict[str, bytes]:
        """Return what is written of a value beside the record, by the end of the file's name, as PaddleX does.

        Args:
            value: JSON.
            facts: say where the result is from.
            image: the page.
            folder: where pictures of parts of the page go; the names of these begin with it.
        """
        return {}

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count what is the same in two values, as JSON; None is a value that is not there."""
        return 0, 0

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count how far a value is from the truth.

        Args:
            found: JSON; None after a failure, which found nothing.
            beside: as for ``draw``.
            true: what ``truth.json`` says.

        Returns:
            Counts by the names that ``judge.truth.Accuracy`` has.
        """
        return Counter()


def listed(value: Any) -> list[Any]:
    """Return a value as a list: one that is none is alone in it, nothing is an empty one."""
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def in_place(found: Sequence[Any], expected: Sequence[Any]) -> Agreed:
    """Count what is the same at the same place."""
    return sum(map(lambda one, other: one == other, found, expected)), max(len(found), len(expected))


def anywhere(found: Sequence[Any], expected: Sequence[Any]) -> Agreed:
    """Count what is in both, wherever it stands."""
    both = Counter(found) & Counter(expected)
    return sum(both.values()), max(len(found), len(expected))
