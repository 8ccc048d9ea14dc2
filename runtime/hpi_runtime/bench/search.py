"""Which of many candidates to measure: large levers first, then a walk along one dimension at a time.

All combinations would take hours; what is slow by itself is seldom fast in a combination. A backend or a precision may
be twice as fast, so each backend and a lower precision come first, and before all others a lower precision of the
plan's own backend, if this processor has one: of all levers it is the likeliest to be a large one. Then one leap for
each: with another batch, other streams and another padding at once, for levers multiply. Then come other precisions,
and from what is fastest so far, of each by itself, the walk goes on. Precisions whose model has to be made, int8, come
when all that is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, permutations, zip_longest
from typing import Any, NamedTuple

from hpi_schemas.candidates import Candidate
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.profile import FP32, WAYS, Entry

# Times as parts of the plan's own; None for a variant that cannot be measured.
Ratios = Mapping[int, float | None]

# A backend this much slower than the fastest is not looked at any closer; in a lower precision it may gain more.
_NEAR, _NEAR_LOWER = 1.3, 3.0
# A change of which nothing is known is worth more than one that helped little elsewhere.
_UNKNOWN = 0.9
# A look cannot tell what is so near to the fastest from it. So many are measured thoroughly, a process each.
_TIE, _MOST_FINALISTS = 1.1, 8


class Variant(NamedTuple):
    """A candidate in one precision.

    Attributes:
        engine, batch_size, settings: of it.
        is_lower: its precision is lower than the candidate's own.
        is_made: its model has to be made for that precision first.
    """

    engine: EngineRecord
    batch_size: int
    settings: Mapping[str, Any]
    is_lower: bool
    is_made: bool = False

    @property
    def kind(self) -> tuple[str, str]:
        """Its backend and precision: what is walked along by itself."""
        return self.engine.backend, str(self.engine.config.get("precision", FP32))


def variants(candidates: Sequence[Candidate]) -> list[Variant]:
    """Return every candidate in each of its precisions; the first is the plan's own."""
    return [
        Variant(engine, item.batch_size, item.settings, is_lower, len(engine.prepare) > len(item.engine.prepare))
        for item in candidates
        for engine, is_lower in ((item.engine, False), *((lower, True) for lower in item.lower))
    ]


def following(known: Sequence[Variant], ratios: Ratios) -> int | None:
    """Return the variant to measure next, None if there is nothing left that is worth it.

    Args:
        known: the first is the plan's own.
        ratios: of those that have been measured, by place.
    """
    quick, slow = (list(_precisions(known, ratios, is_made)) for is_made in (False, True))
    # Another precision besides tells less than a leap does.
    first = [] if any(known[place].is_lower for place in ratios) else quick
    own = [place for place in first if known[place].engine.backend == known[0].engine.backend]
    groups = (own, _backends(known, ratios), first, _leaps(known, ratios), quick, _neighbours(known, ratios), slow)
    return next(chain.from_iterable(groups), None)


def finalists(entries: Sequence[Entry], ways: Sequence[str] = WAYS) -> list[int]:
    """Return the entries to measure thoroughly: the plan's own, and the fastest two of each kind, either way.

    The second only where a look cannot tell it from the first. The kinds are: nothing but speed differs; shapes and
    padding differ too; and each lower precision, in which the fastest of another may answer worse, unless it is no
    faster than the usual one. Those come first that are likely to be chosen, with and without a loss.

    Args:
        entries: of a profile's module; the first is the plan's own, and those with a fault are left out.
        ways: the times that count.
    """
    usable = {place: entry for place, entry in enumerate(entries) if place and entry.fault is None}
    usual = [entry for entry in entries if entry.fault is None and _precision(entry) == _precision(entries[0])]
    kinds: dict[tuple[str, bool], list[int]] = {}
    for place, entry in usable.items():
        kinds.setdefault((_precision(entry), entry in usual and bool(entry.settings)), []).append(place)
    found = {0: None}
    for way in ways:
        least = min(entry.takes(way) for entry in usual)
        for (precision, _), places in kinds.items():
            fastest, *others = sorted(places, key=lambda place: entries[place].takes(way))
            if precision == _precision(entries[0]) or entries[fastest].takes(way) < least:
                limit = _TIE * entries[fastest].takes(way)
                found |= dict.fromkeys(
                    [fastest, *(place for place in others[:1] if entries[place].takes(way) <= limit)]
                )
    ranked = sorted(found.keys() - {0}, key=lambda place: min(entries[place].takes(way) for way in ways))
    lower = [place for place in ranked if _precision(entries[place]) != _precision(entries[0])]
    turns = zip_longest(lower, (place for place in ranked if place not in lower))
    return [0, *(place for turn in turns for place in turn if place is not None)][:_MOST_FINALISTS]


def _precision(entry: Entry) -> str:
    return str(entry.engine.config.get("precision", FP32))


def _backends(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield what is left of the backends as the plan would use them, until one engine of each runs."""
    running = {known[place].engine.backend for place, ratio in ratios.items() if ratio is not None}
    for place in _plain(known, ratios):
        if not known[place].is_lower and known[place].engine.backend not in running:
            yield place


def _precisions(known: Sequence[Variant], ratios: Ratios, is_made: bool) -> Iterator[int]:
    """Yield the lower precisions of the backends that are not slow, those of the fastest first.

    Args:
        known, ratios: as for ``following``.
        is_made: those whose model is made first, which takes longer than many looks; else the others.
    """
    tried = {known[place].kind for place in ratios}
    for kind in _fastest(known, ratios, _NEAR_LOWER):
        for place in _plain(known, ratios):
            item = known[place]
            is_other = item.is_lower and item.engine.backend == kind[0] and item.kind not in tried
            if is_other and item.is_made == is_made:
                yield place


def _leaps(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield for each kind what differs most from how the plan would use it, unless one such was measured."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(known):
        kinds.setdefault(item.kind, []).append(place)
    # Before a leap, a kind is judged by the same as the others.
    usual = {places[0]: ratios[places[0]] for places in kinds.values() if places[0] in ratios}
    for best in _by_turns(known, usual, ratios):
        kind = kinds[known[best].kind]
        changes = {place: len(_differences(known[place], known[best])) for place in kind}
        most = max(changes.values())
        far = [place for place in kind if changes[place] == most]
        if most > 1 and ratios.keys().isdisjoint(far):
            yield far[-1]


def _by_turns(known: Sequence[Variant], ratios: Ratios, all_ratios: Ratios) -> list[int]:
    """Return the fastest of each kind; a precision that may lose accuracy and one that may not have their turns.

    Who allows no loss needs the one, who allows it the other.

    Args:
        known: as for ``following``.
        ratios: of those that count.
        all_ratios: of everything that was looked at.
    """
    looked = Counter(known[place].is_lower for place in all_ratios)
    return sorted(_fastest(known, ratios, _NEAR).values(), key=lambda place: looked[known[place].is_lower])


def _neighbours(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield what differs in one dimension from the fastest of a kind: what helped elsewhere first."""
    effects = _effects(known, ratios)
    for best in _by_turns(known, ratios, ratios):
        own = known[best]
        near = {
            place: effects.get(_change(own, item), _UNKNOWN)
            for place, item in enumerate(known)
            if place not in ratios and item.kind == own.kind and len(_differences(own, item)) == 1
        }
        yield from sorted(near, key=lambda place: near[place])


def _effects(known: Sequence[Variant], ratios: Ratios) -> dict[tuple[str, ...], float]:
    """Return what changes of one dimension brought, wherever they were measured, as a part of the time before."""
    measured = [(known[place], ratio) for place, ratio in ratios.items() if ratio is not None]
    return {
        _change(one, other): after / before
        for (one, before), (other, after) in permutations(measured, 2)
        if one.kind == other.kind and len(_differences(one, other)) == 1
    }


def _change(one: Variant, other: Variant) -> tuple[str, ...]:
    """Return what tells a change of one dimension from others, whatever the precision."""
    (name,) = _differences(one, other)
    return one.engine.backend, name, *(repr(_DIMENSIONS[name](item)) for item in (one, other))


def _plain(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield what has the batch and the settings of the plan's own and was not measured."""
    own = known[0]
    for place, item in enumerate(known):
        if place not in ratios and (item.batch_size, item.settings) == (own.batch_size, own.settings):
            yield place


def _fastest(known: Sequence[Variant], ratios: Ratios, near: float) -> dict[tuple[str, str], int]:
    """Return the fastest of each kind, fastest kinds first, without those that are slow."""
    measured = {place: ratio for place, ratio in ratios.items() if ratio is not None}
    least = min((ratio for place, ratio in measured.items() if not known[place].is_lower), default=0.0)
    idle = _idle(known, measured)
    found: dict[tuple[str, str], int] = {}
    for place in sorted(measured, key=lambda place: measured[place]):
        if known[place].kind not in idle and measured[place] <= near * least:
            found.setdefault(known[place].kind, place)
    return found


def _idle(known: Sequence[Variant], measured: Mapping[int, float]) -> set[tuple[str, str]]:
    """Return the lower precisions that were no faster than the backend's usual one with everything else the same."""
    usual = {_all_but_precision(known[place]): ratio for place, ratio in measured.items() if not known[place].is_lower}
    gains: dict[tuple[str, str], list[float]] = {}
    for place, ratio in measured.items():
        alike = usual.get(_all_but_precision(known[place]))
        if known[place].is_lower and alike is not None:
            gains.setdefault(known[place].kind, []).append(ratio / alike)
    return {kind for kind, found in gains.items() if min(found) >= 1}


def _all_but_precision(item: Variant) -> tuple[str, ...]:
    return item.engine.backend, *(repr(value(item)) for value in _DIMENSIONS.values())


# The dimensions, beside the backend and the precision.
_DIMENSIONS: Mapping[str, Callable[[Variant], Any]] = {
    "batch": lambda item: item.batch_size,
    "parallelism": lambda item: {key: value for key, value in item.engine.config.items() if key != "precision"},
    "settings": lambda item: item.settings,
}


def _differences(one: Variant, other: Variant) -> list[str]:
    return [name for name, value in _DIMENSIONS.items() if value(one) != value(other)]
