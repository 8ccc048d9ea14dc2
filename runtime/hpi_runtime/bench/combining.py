"""Which candidates of all modules are measured together: choices that no other beats in speed and accuracy alike.

What single modules took and lost is added up for that; what they take and lose together is then measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from hpi_schemas.accuracy import is_accurate, loss
from hpi_schemas.profile import WAYS, ModuleProfile

# Places among the entries of each module, by its address.
Places = dict[str, int]

# Nobody who allows a drop allows more percentage points.
_MOST_LOSS = 5.0
# Of two choices, the one that loses more has to be faster by so much to be measured too; and at most so many are.
_STEP, _MOST = 0.97, 5


class _Sum(NamedTuple):
    """A choice for some modules: milliseconds and percentage points, added up, and the places."""

    milliseconds: float
    lost: float
    places: tuple[int, ...]


def combinations(modules: Mapping[str, ModuleProfile], ways: Sequence[str] = WAYS) -> list[Places]:
    """Return the choices to measure: the plan's own, the fastest that lose nothing, and then faster ones that do.

    Args:
        modules: by address; each has at least its own engine's entry.
        ways: the times that count.
    """
    records = list(modules.values())
    usual = [_sums([_fastest(record, way) for record in records])[0] for way in ways]
    # Each way in turn, the fastest first: the time may not do for all.
    turns = zip_longest(*(_worth_it(_front(records, way)) for way in ways))
    losing = [found for turn in turns for found in turn if found is not None]
    every = [tuple(0 for _ in records), *(found.places for found in (*usual, *losing))]
    return [dict(zip(modules, places, strict=True)) for places in dict.fromkeys(every)]


def _fastest(record: ModuleProfile, way: str) -> list[_Sum]:
    """Return the fastest candidate of a module that is accurate without any drop; the plan's own if there is none."""
    usual = {0, *(place for place, entry in enumerate(record.entries) if is_accurate(entry, record, None))}
    return [min(item for item in _options(record, way) if item.places[0] in usual)]


def _front(records: Iterable[ModuleProfile], way: str) -> list[_Sum]:
    """Return the choices for all modules of which no other is both faster and more accurate, the fastest first."""
    return _sums([_options(record, way) for record in records])


def _options(record: ModuleProfile, way: str) -> list[_Sum]:
    own = record.entries[0].milliseconds or {}
    return [
        _Sum(own.get(way, 0.0) * entry.takes(way), max(0.0, loss(entry, record.accuracy)), (place,))
        for place, entry in enumerate(record.entries)
        if entry.agreement is not None and entry.fault is None and way in (entry.ratio or {})
    ] or [_Sum(own.get(way, 0.0), 0.0, (0,))]


def _sums(options: Sequence[list[_Sum]]) -> list[_Sum]:
    """Return the unbeaten sums of an option of each module."""
    found = [_Sum(0.0, 0.0, ())]
    for some in options:
        every = (_added(one, other) for one in found for other in some)
        found = list(_unbeaten(sorted(item for item in every if item.lost <= _MOST_LOSS or not any(item.places))))
    return found


def _added(one: _Sum, other: _Sum) -> _Sum:
    return _Sum(one.milliseconds + other.milliseconds, one.lost + other.lost, one.places + other.places)


def _unbeaten(ordered: Iterable[_Sum]) -> Iterator[_Sum]:
    least = float("inf")
    for item in ordered:
        if item.lost < least:
            least = item.lost
            yield item


def _worth_it(front: Sequence[_Sum]) -> list[_Sum]:
    """Return of a front, the fastest first, what is faster by a step than what loses less; at most so many."""
    kept: list[_Sum] = []
    for item in reversed(front):
        if not kept or item.milliseconds <= _STEP * kept[-1].milliseconds:
            kept.append(item)
    every = -(-len(kept) // _MOST) if kept else 1
    return kept[::-1][::every]
