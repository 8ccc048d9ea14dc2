"""Which of many candidates to measure: large levers first, then a walk along one dimension at a time.

All combinations would take hours; what is slow by itself is seldom fast in a combination. A backend or a precision may
be twice as fast, so these come first; batches, streams and paddings are tried around what is fastest so far, of each
precision by itself, for levers multiply. Precisions whose model has to be made, int8, come when all that is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hpi_schemas.candidates import Candidate
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.profile import FP32, WAYS, Entry

# Times as parts of the plan's own; None for a variant that cannot be measured.
Ratios = Mapping[int, float | None]

# A backend this much slower than the fastest is not looked at any closer; in a lower precision it may gain more.
_NEAR, _NEAR_LOWER = 1.3, 3.0


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
    quick, slow = (_precisions(known, ratios, is_made) for is_made in (False, True))
    for places in (_backends(known, ratios), quick, _neighbours(known, ratios), slow):
        place = next(places, None)
        if place is not None:
            return place
    return None


def finalists(entries: Sequence[Entry], ways: Sequence[str] = WAYS) -> list[int]:
    """Return the entries to measure thoroughly: the plan's own, and the fastest of each kind, either way.

    The kinds are: nothing but speed differs; shapes and padding differ too; and each lower precision, in which the
    fastest of another may answer worse, unless it is no faster than the usual one.

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
            fastest = min(places, key=lambda place: entries[place].takes(way))
            if precision == _precision(entries[0]) or entries[fastest].takes(way) < least:
                found[fastest] = None
    return list(found)


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


def _neighbours(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield what differs in one dimension from the fastest of a kind: its batch first, then streams, then paddings."""
    for best in _fastest(known, ratios, _NEAR).values():
        for differs in (_batch, _parallelism, _settings):
            for place, item in enumerate(known):
                if (
                    place not in ratios
                    and item.kind == known[best].kind
                    and _differences(item, known[best]) == [differs]
                ):
                    yield place


def _plain(known: Sequence[Variant], ratios: Ratios) -> Iterator[int]:
    """Yield what has the batch and the settings of the plan's own and was not measured."""
    own = known[0]
    for place, item in enumerate(known):
        if place not in ratios and (item.batch_size, item.settings) == (own.batch_size, own.settings):
            yield place


def _fastest(known: Sequence[Variant], ratios: Ratios, near: float) -> dict[tuple[str, str], int]:
    """Return the fastest of each kind, fastest kinds first, without those that are slow.

    A lower precision that is not faster than the usual ones is slow.
    """
    measured = {place: ratio for place, ratio in ratios.items() if ratio is not None}
    least = min((ratio for place, ratio in measured.items() if not known[place].is_lower), default=0.0)
    found: dict[tuple[str, str], int] = {}
    for place in sorted(measured, key=lambda place: measured[place]):
        if measured[place] <= (least if known[place].is_lower else near * least):
            found.setdefault(known[place].kind, place)
    return found


def _batch(one: Variant, other: Variant) -> bool:
    return one.batch_size != other.batch_size


def _parallelism(one: Variant, other: Variant) -> bool:
    return one.engine != other.engine


def _settings(one: Variant, other: Variant) -> bool:
    return one.settings != other.settings


def _differences(one: Variant, other: Variant) -> list[Any]:
    return [differs for differs in (_batch, _parallelism, _settings) if differs(one, other)]
