"""Numbers, lists and values in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hpi_planner.review.paths import ABSENT, is_same

# Letters of Korean that print as nothing.
_FILLERS = "\u115f\u1160\u3164\uffa0"
# Of a value that is not a text.
_LONG = 200
_MOST_ENTRIES = 3


def clean(item: str) -> str:
    """Replace control characters: a name in a plan must not steer a terminal or end a block of Markdown."""
    return "".join(
        char if char.isprintable() and char not in _FILLERS else "\N{REPLACEMENT CHARACTER}" for char in item
    )


def counted(number: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def listed(items: Sequence[str]) -> str:
    """Write items the way people list them: ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def value(item: Any) -> str:
    """Write a value: what is absent and what is null are two things.

    Nothing is cut: of a long list or mapping it is said how much there is, and `hpi-review diff --json` has all of it.
    """
    if item is ABSENT:
        return "absent"
    is_plain = isinstance(item, str) and item != "absent" and not _is_json(item)
    text = clean(item if is_plain else json.dumps(item, ensure_ascii=False, sort_keys=True))
    if len(text) > _LONG and isinstance(item, Mapping):
        return f"a mapping of {counted(len(item), 'key', 'keys')}"
    if len(text) > _LONG and isinstance(item, list):
        return f"a list of {len(item)}"
    return text


def arrow(old: Any, new: Any) -> str:
    """Write a change of a value; of two long lists, the entries that differ."""
    before, after = pair(old, new)
    return f"{before} → {after}"


def pair(old: Any, new: Any) -> tuple[str, str]:
    """Write two values so that they can be told apart."""
    before, after = value(old), value(new)
    if before != after or not isinstance(old, list) or not isinstance(new, list):
        return before, after
    places = [place for place, (one, other) in enumerate(zip(old, new, strict=False)) if not is_same(one, other)]
    shown = places[:_MOST_ENTRIES]
    more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
    where = f"{before}, [{'], ['.join(map(str, shown))}]{more}"
    one, other = (", ".join(value(side[place]) for place in shown) for side in (old, new))
    return f"{where}: {one}", f"{where}: {other}"


def _is_json(item: str) -> bool:
    """Tell whether a text looks like another value, and so needs its quotes."""
    try:
        json.loads(item)
    except ValueError:
        return False
    return True
