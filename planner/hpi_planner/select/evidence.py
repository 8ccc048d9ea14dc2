"""The choice among the candidates of modules by what a profile says of them, each by itself and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hpi_schemas.accuracy import is_accurate, is_accurate_together
from hpi_schemas.device import CPU
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.model import Measurement
from hpi_schemas.profile import Combination, Entry, ModuleProfile

from hpi_planner.diagnostics.model import Code, Diagnostic, warning
from hpi_planner.ir import Module, Origin
from hpi_planner.select import candidates
from hpi_planner.select.candidates import Tried
from hpi_planner.select.choice import Choice
from hpi_planner.select.profile import Evidence
from hpi_planner.select.reasons import MEASURED_FAULTY, MEASURED_INACCURATE, MEASURED_SLOWER, NOT_MEASURED

# What is less than 2 % faster than what was chosen without the profile is not worth another plan.
_WORTH = 0.98
_NOTHING = "it has nothing of the candidates that there are now, or nothing that is accurate enough"

Pair = tuple[Tried, Entry]


@dataclass(frozen=True)
class Weighed:
    """A module with its candidates, and what was measured of them.

    Attributes:
        choice: of the module.
        decided: the module as it is without the profile.
        record: what was measured of it.
        planned: its candidate as it is without the profile.
        measured: every candidate of which there are figures, or a fault.
        usable: those that are accurate enough by themselves.
    """

    choice: Choice
    decided: Module
    record: ModuleProfile
    planned: Tried
    measured: Sequence[Pair]
    usable: Sequence[Pair]


@dataclass(frozen=True)
class Decision:
    """What a profile decides.

    Attributes:
        modules: those that it decided, by address.
        whole: what was measured of all of them together, None where nothing was.
        found: what there is to tell.
    """

    modules: Mapping[str, Module]
    whole: Measurement | None
    found: tuple[Diagnostic, ...]


def decide(choices: Sequence[tuple[Choice, Module]], profile: Evidence) -> Decision:
    """Return the modules with the fastest of their candidates that are accurate enough, by themselves and together.

    Args:
        choices: every module as it is without the profile, with its choice.
        profile: what was measured.
    """
    found: list[Diagnostic] = []
    weighed: dict[str, Weighed] = {}
    for choice, decided in choices:
        item = _weigh(choice, decided, profile)
        if isinstance(item, Diagnostic):
            found.append(item)
        elif item is not None:
            weighed[decided.address] = item
    chosen, whole = _together(weighed, profile)
    if whole is None:
        if profile.max_accuracy_drop is not None and len(profile.profile.modules) > 1:
            # Each module would lose as much as the whole may.
            found.append(_note_alone(profile))
            weighed = {address: replace(item, usable=_usable(item, None)) for address, item in weighed.items()}
        chosen = {address: _fastest(item, profile) for address, item in weighed.items() if item.usable}
        found += [_note_unused(item.decided, _NOTHING, profile) for item in weighed.values() if not item.usable]
    modules = {address: _settled(weighed[address], pair, profile) for address, pair in chosen.items()}
    return Decision(modules, None if whole is None else _cited(whole, profile), tuple(found))


def _weigh(choice: Choice, decided: Module, profile: Evidence) -> Weighed | Diagnostic | None:
    """Return a module with what was measured of it, why nothing counts, or None where there is nothing to choose."""
    record = profile.module(decided.address)
    if not choice.feasible():
        return None
    useless = _useless(choice, decided, profile, record)
    if record is None or useless is not None:
        return _note_unused(decided, useless or "it has nothing of this module", profile)
    calibration = record.calibration or candidates.UNKNOWN_CALIBRATION
    listed = candidates.of(choice, decided, calibration, _origin(profile), profile.is_cold)
    known = [(item, _entry(record, item)) for one in listed for item in (one, *one.lower)]
    measured = [
        (item, entry)
        for item, entry in known
        if entry is not None and profile.same_version(item.engine.backend, choice.target.backends[item.engine.backend])
    ]
    found = Weighed(choice, decided, record, listed[0], measured, ())
    return replace(found, usable=_usable(found, profile.max_accuracy_drop))


def _usable(weighed: Weighed, max_drop: float | None) -> list[Pair]:
    return [(item, entry) for item, entry in weighed.measured if is_accurate(entry, weighed.record, max_drop)]


# -- all together ------------------------------------------------------------------------------------


def _together(weighed: Mapping[str, Weighed], profile: Evidence) -> tuple[dict[str, Pair], Combination | None]:
    """Return the fastest combination that is accurate enough, with the candidate of each module in it."""
    if not weighed:
        return {}, None
    found: list[tuple[dict[str, Pair], Combination]] = []
    for combination in profile.profile.combinations:
        pairs = _pairs(combination, weighed)
        if pairs is not None and is_accurate_together(combination, profile.profile, profile.max_accuracy_drop):
            found.append((pairs, combination))
    if not found:
        return {}, None
    best = min(found, key=lambda one: one[1].takes(profile.optimize))
    planned = next((one for one in found if not any(one[1].entries.values())), None)
    is_worth = planned is None or best[1].takes(profile.optimize) <= _WORTH * planned[1].takes(profile.optimize)
    return best if is_worth or planned is None else planned


def _pairs(combination: Combination, weighed: Mapping[str, Weighed]) -> dict[str, Pair] | None:
    """Return the candidates of a combination, None if one of them is not there now or not accurate enough."""
    pairs: dict[str, Pair] = {}
    for address, place in combination.entries.items():
        item = weighed.get(address)
        if item is None:
            return None
        entry = item.record.entries[place]
        pair = next((one for one in item.usable if one[1] is entry), None)
        if pair is None:
            return None
        pairs[address] = pair
    return pairs


def _cited(found: Combination, profile: Evidence) -> Measurement:
    """Return what the plan says of a combination."""
    held_back = profile.profile.inputs.held_back
    return Measurement(
        agreement=found.agreement or {},
        measured=len(profile.profile.combinations),
        milliseconds=found.milliseconds or {},
        ratio=found.ratio or {},
        pictures=held_back or profile.profile.inputs.pictures,
        held_back=held_back > 0,
        accuracy=found.accuracy,
        reference_accuracy=profile.profile.combinations[0].accuracy,
    )


def _note_alone(profile: Evidence) -> Diagnostic:
    return warning(
        Code.PROFILE_UNUSED,
        f"the profile {profile.file} has no whole pipeline that is accurate enough, so no drop of accuracy is allowed",
        help="go on measuring with a larger budget: `hpi-bench --candidates` on the target",
    )


# -- each by itself ----------------------------------------------------------------------------------


def _fastest(weighed: Weighed, profile: Evidence) -> Pair:
    """Return the fastest candidate that is accurate enough, or what was planned where that is not worth it."""
    best = min(weighed.usable, key=lambda pair: pair[1].takes(profile.optimize))
    planned = next((pair for pair in weighed.usable if pair[0] is weighed.planned), None)
    if planned is not None and best[1].takes(profile.optimize) > _WORTH * planned[1].takes(profile.optimize):
        return planned
    return best


def _settled(weighed: Weighed, best: Pair, profile: Evidence) -> Module:
    """Return a module with a candidate in the place of what was decided, the figures, and why not the others."""
    decided, record = weighed.decided, weighed.record
    reasons = {
        **decided.not_chosen,
        **dict.fromkeys(weighed.choice.feasible(), NOT_MEASURED),
        **_reasons(weighed.measured, weighed.usable),
    }
    del reasons[best[0].engine.backend]
    measurement = Measurement(
        agreement=best[1].agreement or {},
        measured=len(record.entries),
        milliseconds=best[1].milliseconds or {},
        ratio=best[1].ratio or {},
        pictures=profile.profile.inputs.pictures,
        accuracy=best[1].accuracy,
        reference_accuracy=record.accuracy,
    )
    origin = _origin(profile)
    chosen = decided if best[0] is weighed.planned else _with(decided, best[0], origin)
    origins = dict(chosen.origins)
    if not _was_requested(decided):
        origins["engine.backend"] = origin
    return replace(chosen, not_chosen=reasons, origins=origins, profile=measurement)


def _origin(profile: Evidence) -> Origin:
    return Origin(plan_origin.Origin(plan_origin.PROFILE, profile.optimize))


def _useless(choice: Choice, decided: Module, profile: Evidence, record: ModuleProfile | None) -> str | None:
    """Return why a profile does not count for a module, None if it does."""
    if record is None or profile.other_aim is not None:
        return profile.other_aim
    assert decided.facts is not None
    files = {name: item for form in decided.facts.files.values() for name, item in form.items()}
    # A plan that is compiled from its own record knows the files of its formats alone.
    other = [name for name, item in files.items() if record.files.get(name, item) != item]
    if other:
        return f"{other[0]} is another file now"
    differences = list(profile.differences(choice.target, decided.device or CPU))
    return differences[0] if differences else None


def _note_unused(module: Module, why: str, profile: Evidence) -> Diagnostic:
    aim = " --optimize cold" if profile.is_cold else ""
    add = "add `--optimize cold`, or " if profile.other_aim is not None and not profile.is_cold else ""
    return warning(
        Code.PROFILE_UNUSED,
        f"{module.address}: the profile does not count here: {why}",
        *module.origins["model_name"].labels(),
        help=f"{add}measure again: `hpi-plan --candidates{aim}`, then `hpi-bench --candidates` on the target",
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
