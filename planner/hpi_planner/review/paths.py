"""Values of a plan by their path, and what is there where nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Path = tuple[str, ...]


class _Absent:
    """A key that is not there; null is another thing."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


def at(document: Any, path: Sequence[str]) -> Any:
    """Return the value at a path of a document, ``ABSENT`` where there is none."""
    for key in path:
        if not isinstance(document, Mapping) or key not in document:
            return ABSENT
        document = document[key]
    return document


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same; 1, 1.0 and true are equal to Python and not to JSON."""
    return repr(one) == repr(other) if type(one) is not type(other) or isinstance(one, list) else bool(one == other)
