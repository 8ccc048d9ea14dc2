"""Are the answers of what was measured near enough to those of the plan's own? Choosing and measuring ask."""

from __future__ import annotations

from collections.abc import Mapping

from hpi_schemas.profile import FP32, Combination, Entry, Figures, ModuleProfile, Profile

# fp32 engines agree on 99 % of texts, boxes and classes (docs/accuracy.md). Where the truth says that accuracy is the
# same, within a letter in two thousand, padding may move some more of them.
_AGREEMENT, _AGREEMENT_WITH_TRUTH = 0.99, 0.95
_NOISE_POINTS = 0.05
# Of percentage points; what is beyond is the arithmetic's.
_DECIMALS = 6


def is_accurate(entry: Entry, record: ModuleProfile, max_drop: float | None) -> bool:
    """Tell whether the answers of a measured candidate are near enough to the reference's.

    Args:
        entry: what was measured of the candidate.
        record: of its module; its ``accuracy`` is the reference's, measured against the truth.
        max_drop: in percentage points; None for what fp32 engines differ by. Where no truth was given, the part of the
            results that differ counts instead.
    """
    return _is_near(entry, record.accuracy, is_lower(entry, record), max_drop)


def is_accurate_together(found: Combination, profile: Profile, max_drop: float | None) -> bool:
    """Tell the same of a candidate for each module, together; the drop is that of the whole pipeline.

    Without an allowed drop, each of the modules that are not the plan's own may move as many results as it may alone.
    """
    records = profile.modules
    lower = any(is_lower(records[address].entries[place], records[address]) for address, place in found.entries.items())
    changed = sum(place != 0 for place in found.entries.values())
    return _is_near(found, profile.combinations[0].accuracy or {}, lower, max_drop, changed)


def is_lower(entry: Entry, record: ModuleProfile) -> bool:
    """Tell whether a candidate runs in a lower precision than the plan's own engine."""
    return bool(entry.engine.config.get("precision", FP32) != record.precision)


def loss(found: Figures, reference: Mapping[str, float]) -> float:
    """Return how many percentage points are lost: of the worst measure or, without a truth, of results that differ.

    Args:
        found: whose answers were looked at.
        reference: the accuracy of the plan's own.
    """
    drop = accuracy_drop(found.accuracy or {}, reference)
    lost = drop if drop is not None else 100 * (1 - min((found.agreement or {}).values(), default=1.0))
    return round(lost, _DECIMALS)


def accuracy_drop(found: Mapping[str, float], reference: Mapping[str, float]) -> float | None:
    """Return by how many percentage points the worst measure is below the reference's; None without a truth."""
    # Errors grow where the others shrink.
    drops = [
        100 * (found[name] - value if name.endswith("error_rate") else value - found[name])
        for name, value in reference.items()
        if name in found
    ]
    return max(drops, default=None)


def _is_near(
    found: Figures, reference: Mapping[str, float], lower: bool, max_drop: float | None, changed: int = 1
) -> bool:
    if found.agreement is None:
        return False
    if max_drop is not None:
        return loss(found, reference) <= max_drop
    drop = accuracy_drop(found.accuracy or {}, reference)
    least = _AGREEMENT if drop is None else _AGREEMENT_WITH_TRUTH
    agreement = min(found.agreement.values(), default=1.0)
    return not lower and agreement >= least**changed and (drop or 0.0) <= _NOISE_POINTS
