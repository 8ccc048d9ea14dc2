"""Which of many candidates to measure: every backend once, then a walk along one dimension at a time.

All combinations would take hours; what is slow by itself is seldom fast in a combination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hpi_schemas.candidates import Candidate
from hpi_schemas.profile import LATENCY, THROUGHPUT, Entry

# Times as parts of the plan's own; None for a candidate that cannot be measured.
Ratios = Mapping[int, float | None]

# A backend this much slower than the fastest is not looked at any closer; in a lower precision it may gain more.
_NEAR, _NEAR_LOWER = 1.3, 3.0


def following(candidates: Sequence[Candidate], ratios: Ratios) -> int | None:
    """Return the candidate to measure next, None if there is nothing left that is worth it.

    Args:
        candidates: the first is the plan's own.
        ratios: of those that have been measured, by place.
    """
    own = candidates[0]
    running = {candidates[place].engine.backend for place, ratio in ratios.items() if ratio is not None}
    for place, item in enumerate(candidates):
        is_plain = (item.batch_size, item.settings) == (own.batch_size, own.settings)
        if is_plain and place not in ratios and item.engine.backend not in running:
            return place
    for best in _best(candidates, ratios, _NEAR):
        for place, item in enumerate(candidates):
            if place not in ratios and _is_neighbour(item, candidates[best]):
                return place
    return None


def worth_lowering(candidates: Sequence[Candidate], ratios: Ratios) -> list[int]:
    """Return the candidates whose lower precisions are worth measuring: the fastest of each fast backend."""
    return _best(candidates, ratios, _NEAR_LOWER)


def finalists(entries: Sequence[Entry]) -> list[int]:
    """Return the entries to measure thoroughly: the plan's own, and the fastest of each kind, either way.

    The kinds are: nothing but speed differs, shapes and padding differ too, the precision is lower.

    Args:
        entries: of a profile's module; the first is the plan's own, and those with a fault are left out.
    """
    own = entries[0].engine.config.get("precision")
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for place, entry in enumerate(entries):
        if place and entry.fault is None:
            is_lower = entry.engine.config.get("precision") != own
            kinds.setdefault((is_lower, bool(entry.settings) and not is_lower), []).append(place)
    found = {0: None}
    for places in kinds.values():
        for way in (LATENCY, THROUGHPUT):
            fastest = sorted((entries[place].takes(way), place) for place in places)[0]
            found[fastest[1]] = None
    return list(found)


def _best(candidates: Sequence[Candidate], ratios: Ratios, near: float) -> list[int]:
    """Return the fastest candidate of each backend, fastest first, without backends that are slow."""
    measured = {place: ratio for place, ratio in ratios.items() if ratio is not None}
    found: dict[str, int] = {}
    for place in sorted(measured, key=lambda place: measured[place]):
        found.setdefault(candidates[place].engine.backend, place)
    least = min(measured.values(), default=0.0)
    return [place for place in found.values() if measured[place] <= near * least]


def _is_neighbour(one: Candidate, other: Candidate) -> bool:
    """Tell whether two candidates have the same backend and differ in one dimension."""
    differences = (
        one.engine != other.engine,
        one.batch_size != other.batch_size,
        one.settings != other.settings,
    )
    return one.engine.backend == other.engine.backend and sum(differences) == 1
