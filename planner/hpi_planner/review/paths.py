"""Values of a plan by their path, and what is there where nothing is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def path_of(record: Any, key: str) -> tuple[str, ...] | None:
    """Return the path of a dotted key, whose parts may hold dots themselves, None if there is none."""
    if not isinstance(record, Mapping):
        return None
    if key in record:
        return (key,)
    for name, below in record.items():
        rest = path_of(below, key[len(name) + 1 :]) if key.startswith(f"{name}.") else None
        if rest is not None:
            return (name, *rest)
    return None


def paths_of(record: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all values that are no filled mappings."""
    for key, item in record.items():
        if isinstance(item, dict) and item:
            yield from paths_of(item, (*path, key))
        else:
            yield (*path, key)
