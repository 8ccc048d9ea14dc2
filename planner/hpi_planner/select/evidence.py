"""The choice among the candidates of a module by what a profile says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hpi_schemas.device import CPU
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.model import Measurement
from hpi_schemas.profile import FP32, Entry, ModuleProfile

from hpi_planner.diagnostics.model import Code, Diagnostic, warning
from hpi_planner.ir import Module, Origin
from hpi_planner.select import candidates
from hpi_planner.select.candidates import Tried
from hpi_planner.select.choice import Choice
from hpi_planner.select.profile import Evidence
from hpi_planner.select.reasons import MEASURED_FAULTY, MEASURED_INACCURATE, MEASURED_SLOWER, NOT_MEASURED

# fp32 engines agree on 99 % of texts, boxes and classes (docs/accuracy.md). Where the truth says that accuracy is the
# same, within a letter in two thousand, padding may move some more of them.
_AGREEMENT, _AGREEMENT_WITH_TRUTH = 0.99, 0.95
_NOISE_POINTS = 0.05
# What is less than 2 % faster than the engine that was chosen without the profile is not worth another plan.
_WORTH = 0.98
# Of percentage points; what is beyond is the arithmetic's.
_DECIMALS = 6

Pair = tuple[Tried, Entry]


def decide(choice: Choice, decided: Module, profile: Evidence) -> tuple[Module, tuple[Diagnostic, ...]]:
    """Return the module with the fastest of its candidates that are accurate enough.

    Args:
        choice: of the module.
        decided: the module as it is without the profile.
        profile: what was measured.
    """
    feasible, record = choice.feasible(), profile.module(decided.address)
    if not feasible:
        return decided, ()
    useless = _useless(choice, decided, profile, record)
    if record is None or useless is not None:
        return decided, (_note_unused(decided, useless or "it has nothing of this module"),)
    assert decided.engine is not None
    origin = Origin(plan_origin.Origin(plan_origin.PROFILE, profile.optimize))
    listed = candidates.of(choice, decided, record.calibration or candidates.UNKNOWN_CALIBRATION, origin)
    known = [(item, _entry(record, item)) for one in listed for item in (one, *one.lower)]
    measured = [
        (item, entry)
        for item, entry in known
        if entry is not None and profile.same_version(item.engine.backend, choice.target.backends[item.engine.backend])
    ]
    usable = [(item, entry) for item, entry in measured if is_accurate(entry, record, profile.max_accuracy_drop)]
    if not usable:
        why = "it has nothing of the candidates that there are now, or nothing that is accurate enough"
        return decided, (_note_unused(decided, why),)
    best = min(usable, key=lambda pair: pair[1].takes(profile.optimize))
    planned = next((pair for pair in usable if pair[0] is listed[0]), None)
    if planned is not None and best[1].takes(profile.optimize) > _WORTH * planned[1].takes(profile.optimize):
        best = planned
    reasons = {**decided.not_chosen, **dict.fromkeys(feasible, NOT_MEASURED), **_reasons(measured, usable)}
    del reasons[best[0].engine.backend]
    measurement = Measurement(
        agreement=best[1].agreement or {},
        measured=len(record.entries),
        milliseconds=best[1].milliseconds or {},
        ratio=best[1].ratio or {},
        accuracy=best[1].accuracy,
        reference_accuracy=record.accuracy,
    )
    chosen = decided if best is planned else _with(decided, best[0], origin)
    origins = dict(chosen.origins)
    if not _was_requested(decided):
        origins["engine.backend"] = origin
    return replace(chosen, not_chosen=reasons, origins=origins, profile=measurement), ()


def is_accurate(entry: Entry, record: ModuleProfile, max_drop: float | None) -> bool:
    """Tell whether the answers of a measured candidate are near enough to the reference's.

    Args:
        entry: what was measured of the candidate.
        record: of its module; its ``accuracy`` is the reference's, measured against the truth.
        max_drop: in percentage points; None for what fp32 engines differ by. Where no truth was given, the part of the
            results that differ counts instead.
    """
    if entry.agreement is None:
        return False
    agreement = min(entry.agreement.values(), default=1.0)
    drop = accuracy_drop(entry.accuracy or {}, record.accuracy)
    if max_drop is None:
        is_fp32 = entry.engine.config.get("precision", FP32) == record.precision
        least = _AGREEMENT if drop is None else _AGREEMENT_WITH_TRUTH
        return is_fp32 and agreement >= least and (drop or 0.0) <= _NOISE_POINTS
    return round(drop if drop is not None else 100 * (1 - agreement), _DECIMALS) <= max_drop


def accuracy_drop(found: Mapping[str, float], reference: Mapping[str, float]) -> float | None:
    """Return by how many percentage points the worst measure is below the reference's; None without a truth."""
    # Errors grow where the others shrink.
    drops = [
        100 * (found[name] - value if name.endswith("error_rate") else value - found[name])
        for name, value in reference.items()
        if name in found
    ]
    return max(drops, default=None)


def _useless(choice: Choice, decided: Module, profile: Evidence, record: ModuleProfile | None) -> str | None:
    """Return why a profile does not count for a module, None if it does."""
    if record is None:
        return None
    assert decided.facts is not None
    files = {name: item for form in decided.facts.files.values() for name, item in form.items()}
    # A plan that is compiled from its own record knows the files of its formats alone.
    other = [name for name, item in files.items() if record.files.get(name, item) != item]
    if other:
        return f"{other[0]} is another file now"
    differences = list(profile.differences(choice.target, decided.device or CPU))
    return differences[0] if differences else None


def _note_unused(module: Module, why: str) -> Diagnostic:
    return warning(
        Code.PROFILE_UNUSED,
        f"{module.address}: the profile does not count here: {why}",
        *module.origins["model_name"].labels(),
        help="measure again: `hpi-plan --candidates`, then `hpi-bench --candidates` on the target",
    )


def _entry(record: ModuleProfile, item: Tried) -> Entry | None:
    wanted = item.candidate
    same = (one for one in record.entries if one.is_of(wanted.engine, wanted.batch_size, wanted.settings))
    return next(same, None)


def _reasons(measured: Sequence[Pair], usable: Sequence[Pair]) -> dict[str, str]:
    """Return why each measured backend would not be chosen."""
    reasons: dict[str, str] = {}
    for item, entry in measured:
        reasons[item.engine.backend] = MEASURED_INACCURATE if entry.fault is None else MEASURED_FAULTY
    for item, entry in measured:
        if entry.ratio is not None and entry.agreement is None:
            # Slow ones are dropped before their answers are looked at.
            reasons[item.engine.backend] = MEASURED_SLOWER
    return reasons | {item.engine.backend: MEASURED_SLOWER for item, _ in usable}


def _with(decided: Module, item: Tried, origin: Origin) -> Module:
    """Return the module with a candidate in the place of what was decided."""
    origins = {key: value for key, value in decided.origins.items() if not key.startswith("engine.config.")}
    origins |= {f"engine.config.{key}": value for key, value in item.origins.items()}
    chosen = item.candidate
    origins |= {f"settings.{key}": origin for key in chosen.settings}
    if chosen.batch_size != (decided.batch_size or 1):
        origins["batch_size"] = origin
    settings = {**decided.settings, **chosen.settings}
    return replace(decided, engine=chosen.engine, batch_size=chosen.batch_size, settings=settings, origins=origins)


def _was_requested(module: Module) -> bool:
    backend = module.keys.get("backend")
    return backend is not None and backend.value is not None
