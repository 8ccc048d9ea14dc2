"""From differences to statements: which difference is the point, and which follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hpi_schemas.impact import Impact
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.origin import Origin

from hpi_planner.review import phrases, rebuilds
from hpi_planner.review.differences import Change
from hpi_planner.review.exchanges import PROFILE
from hpi_planner.review.names import Names
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.risk import card
from hpi_planner.review.said import RECORDED_AS, Said, Sources
from hpi_planner.review.statements import Point, Statement
from hpi_planner.review.words import Words

_BACKEND, _CONFIG, _PREPARE = "engine.backend", "engine.config.", "engine.prepare"
# What a new backend, model or device brings with it.
_OF_MODEL = ("model.", "module_name")
_OF_BACKEND = (_CONFIG, _PREPARE, "model.", "use_hpip", "session", "hpi_config", "requested", "profile")
# Says where values come from, and changes nothing that runs.
_RECORDS = ("origin", "not_chosen", "hpi_config", "requested", "profile", "use_hpip", "model.dir", "lazy")


@dataclass(frozen=True)
class Side:
    """One of the two plans.

    Attributes:
        plan: it.
        sources: its YAML and overrides, None where they are not at hand.
        words: about it.
    """

    plan: ReviewedPlan
    sources: Sources | None
    words: Words


@dataclass(frozen=True)
class Telling:
    """Makes the statements about modules.

    Attributes:
        old, new: the two plans.
        names: of the modules of both.
    """

    old: Side
    new: Side
    names: Names

    def of_module(self, address: str, found: Sequence[Change]) -> Statement | None:
        """Return what to say of a module that both plans have; None if nothing that runs changed.

        Args:
            address: of the module.
            found: its differences.
        """
        mains = list(_mains(found))
        if not mains:
            return None
        keys = {change.key for change in mains}
        followers: dict[str, list[Change]] = {change.key: [] for change in mains}
        for change in found:
            if change not in mains:
                followers[_leader(change, keys, mains)].append(change)
        points = [self._point(address, change, followers[change.key]) for change in mains]
        return Statement(
            subject=self.names.short(address),
            addresses=(address,),
            points=tuple(_joined(points)),
            rebuilt=rebuilds.told(self.old.plan.plan, self.new.plan.plan, address),
            device=self._device(address),
            concerns=(self.names.short(address),),
        )

    def _point(self, address: str, change: Change, followers: Sequence[Change]) -> Point:
        key = change.key
        own = RECORDED_AS.get(key, key)
        old, new = (side.plan.modules[address].origins.get(own) for side in (self.old, self.new))
        reason = phrases.because(change.inputs) or self._by_origin(address, change, new)
        before = self.old.words.brief(old) if old is not None and (key == _BACKEND or old != new) else ""
        if (old == new and old is not None and old.kind == plan_origin.PROFILE) or before in reason:
            # It was said already.
            before = ""
        said: Sequence[Said] = () if self.new.sources is None else self.new.sources.of_module(address, key, new)
        what = phrases.of_module(change, self.names)
        return Point(what, reason, before, change.cause_known, (change, *followers), tuple(said))

    def _by_origin(self, address: str, change: Change, origin: Origin | None) -> str:
        """Say what made a change as far as the plans tell it, where the inputs are not at hand."""
        if change.causes == (PROFILE,) and change.cause_known:
            return phrases.of_causes(change.causes)
        if change.key == _BACKEND:
            return self.new.words.backend(address)
        told = self.new.words.origin(origin)
        if origin is not None and origin.kind in (plan_origin.FILE, plan_origin.OVERRIDE):
            return f"{told} says so"
        return told or phrases.of_causes(change.causes)

    def _device(self, address: str) -> str:
        old, new = (side.plan.modules[address] for side in (self.old, self.new))
        names = [str(module.engine.config.get("device_name", "CPU")) for module in (old, new)]
        if (old.device, names[0]) == (new.device, names[1]):
            return "same device"
        gpus = [[gpu.name for gpu in side.plan.plan.target.gpus] for side in (self.old, self.new)]
        cards = [card(str(module.device), known) for module, known in zip((old, new), gpus, strict=True)]
        shown = [str(module.device) for module in (old, new)]
        if names[0] != names[1]:
            shown = [f"{device} ({name})" for device, name in zip(shown, names, strict=True)]
        elif cards[0] != cards[1]:
            shown = [
                device if name == device else f"{device} ({name})" for device, name in zip(shown, cards, strict=True)
            ]
        return f"on {shown[1]} instead of {shown[0]}"


def _mains(found: Sequence[Change]) -> Iterator[Change]:
    """Yield the differences that are no consequence of another, the most telling first."""
    keys = {change.key for change in found}
    has_backend, has_model = _BACKEND in keys, "model.name" in keys
    risky = [change for change in found if change.impact > Impact.COSMETIC and not change.key.startswith(_RECORDS)]
    order: tuple[Callable[[str], bool], ...] = (
        lambda key: key == "model.name",
        lambda key: key == _BACKEND,
        lambda key: key == "device",
        phrases.is_precision,
        lambda key: True,
    )
    for change in sorted(risky, key=lambda item: next(i for i, fits in enumerate(order) if fits(item.key))):
        key = change.key
        one_sided = ABSENT in (change.old, change.new)
        if key.startswith(_CONFIG) and one_sided and (has_backend or "device" in keys):
            continue
        if key == _PREPARE and (has_backend or has_model or any(map(phrases.is_precision, keys))):
            continue
        if key.startswith(_OF_MODEL) and key != "model.name" and has_model:
            continue
        if (key in ("model.format", "module_name") or (key.startswith("model.") and one_sided)) and has_backend:
            continue
        if key.startswith("model.files.") and one_sided and "model.format" in keys:
            continue
        if key == _PREPARE and "model.format" in keys:
            continue
        yield change
    if has_model and not any(change.key == "model.name" for change in risky):
        yield next(change for change in found if change.key == "model.name")


def _leader(change: Change, keys: set[str], mains: Sequence[Change]) -> str:
    """Return the key of the point that a difference follows from."""
    if change.key.startswith(_OF_MODEL) and "model.name" in keys:
        return "model.name"
    if change.key.startswith(_OF_BACKEND) and _BACKEND in keys:
        return _BACKEND
    if (change.key.startswith("model.") or change.key == _PREPARE) and "model.format" in keys:
        return "model.format"
    named = change.key.removeprefix("origin.")
    if named in keys:
        return named
    same = [main for main in mains if set(main.inputs) & set(change.inputs)]
    return (same or mains)[0].key


def _joined(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the points, those that say the same words once."""
    groups: dict[tuple[str, str, str, bool], list[Point]] = {}
    for point in points:
        groups.setdefault((point.what, point.because, point.before, point.known), []).append(point)
    for same in groups.values():
        yield replace(same[0], changes=tuple(change for point in same for change in point.changes))
