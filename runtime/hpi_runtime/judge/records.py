"""How far records are the same whose fields nobody here knows, such as PaddleX's: text by text, number by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpi_runtime.judge.agreement import Agreement

# What says where a result is from.
_NAMES = frozenset({"input_path", "page_index", "plan"})
# Numbers are the same if they differ by no more than this of the greater, or of 1.
_NEAR = 0.01


class RecordAgreement(Agreement):
    """Counts the leaves of records. What is there on one side alone is another."""

    def __init__(self) -> None:
        super().__init__({})

    def counted(self, found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
        """Yield ``texts`` and ``numbers``, as ``Agreement.counted``."""
        left, right = ({key: item for key, item in record.items() if key not in _NAMES} for record in (found, expected))
        yield from _counted(left, right)


def _counted(found: Any, expected: Any) -> Iterator[tuple[str, int, int]]:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in sorted({*found, *expected}, key=str):
            yield from _counted(found.get(key), expected.get(key))
    elif isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        for place in range(max(len(found), len(expected))):
            yield from _counted(*(side[place] if place < len(side) else None for side in (found, expected)))
    elif isinstance(found, (list, tuple, Mapping)) or isinstance(expected, (list, tuple, Mapping)):
        for side in (found, expected):
            yield from ((measure, 0, total) for measure, _, total in _counted(side, side))
    elif _is_number(found) and _is_number(expected):
        yield "numbers", int(abs(found - expected) <= _NEAR * max(abs(found), abs(expected), 1)), 1
    else:
        yield ("numbers" if _is_number(found) or _is_number(expected) else "texts"), int(found == expected), 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
