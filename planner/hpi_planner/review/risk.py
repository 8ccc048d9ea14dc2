"""What each difference between two plans risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpi_schemas import backends, tasks
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import Plan

from hpi_planner.review.paths import ABSENT, Path

_BATCH, _ON_CPU = "batch", "CPU"
_CONFIG = ("engine", "config")
# The first pattern that fits says what a change risks. `*` stands for one key, `**` for any number of them.
_PATTERNS: tuple[tuple[str, Impact], ...] = (
    ("modules.*", Impact.NUMERICS),
    ("modules.*.batch_size", Impact.PERFORMANCE),
    ("modules.*.device", Impact.DEVICE),
    # Used where the engine itself cannot be.
    ("modules.*.engine.fallback.**", Impact.NUMERICS_POSSIBLE),
    ("modules.*.engine.prepare.**", Impact.REBUILD),
    # What is left of an engine is its backend.
    ("modules.*.engine.**", Impact.NUMERICS),
    ("modules.*.model.files.**", Impact.NUMERICS),
    ("modules.*.model.format", Impact.NUMERICS),
    ("modules.*.model.processing.**", Impact.NUMERICS),
    ("modules.*.module_name", Impact.NUMERICS),
    ("modules.*.session", Impact.PERFORMANCE),
    ("modules.*.settings.**", Impact.NUMERICS),
    ("pipeline.settings.*.batch_size", Impact.PERFORMANCE),
    ("pipeline.**", Impact.NUMERICS),
    ("graph.drawing", Impact.COSMETIC),
    ("graph.order", Impact.COSMETIC),
    ("graph.**", Impact.NUMERICS),
    ("external.*.dir", Impact.COSMETIC),
    ("external.**", Impact.NUMERICS),
    ("host.**", Impact.NUMERICS),
    ("replicas.**", Impact.DEVICE),
    # What answers look like, and which documents are refused; the numbers are the same.
    ("serving.**", Impact.COSMETIC),
    ("target.arch", Impact.NUMERICS_POSSIBLE),
    ("target.cores", Impact.PERFORMANCE),
    ("target.cpu_features.**", Impact.NUMERICS_POSSIBLE),
    ("target.paddle_features.**", Impact.COSMETIC),
    ("target.**", Impact.COSMETIC),
    # What says where things come from, and what was asked for.
    *((f"modules.*.{key}.**", Impact.COSMETIC) for key in ("hpi_config", "not_chosen", "origin", "profile")),
    *(
        (f"modules.*.{key}.**", Impact.COSMETIC)
        for key in ("engine_config", "engine_given", "lazy", "model", "use_hpip")
    ),
    ("source.**", Impact.COSMETIC),
    ("profile.**", Impact.COSMETIC),
    ("format", Impact.COSMETIC),
    ("rules", Impact.COSMETIC),
    # Of what nobody here knows the worst is to be expected.
    ("**", Impact.NUMERICS),
)
# Facts of a machine that the kernels of a GPU depend on.
_OF_GPUS = ("gpus", "cuda", "driver")


@dataclass(frozen=True)
class Context:
    """What of two plans the impact of a change depends on.

    Attributes:
        used: backends, tools and hosts that one of the plans uses; other versions of what is not used change nothing.
        batched: addresses of modules whose answers depend on what shares a batch.
        on_gpu: a module of one of the plans runs on a GPU.
        cards: the names of the GPUs that each of the two plans knows, by index.
    """

    used: frozenset[str] = frozenset()
    batched: frozenset[str] = frozenset()
    on_gpu: bool = False
    cards: tuple[tuple[str, ...], ...] = ((), ())

    @classmethod
    def of(cls, *plans: Plan) -> Context:
        """Return what counts of two plans."""
        return cls(
            used=frozenset(name for plan in plans for name in _used(plan)),
            batched=frozenset(address for plan in plans for address in batched(plan)),
            on_gpu=any(module.device.kind == "gpu" for plan in plans for module in plan.modules.values()),
            cards=tuple(tuple(gpu.name for gpu in plan.target.gpus) for plan in plans),
        )

    def impact(self, path: Path, old: Any, new: Any) -> Impact:
        """Return what a change risks."""
        if path[0] == "target" and ABSENT in (old, new):
            # Another decision read it; the machine has not changed.
            return Impact.COSMETIC
        if path[0] == "target" and (found := self._of_target(path)) is not None:
            return found
        if path[0] == "modules" and path[2:] == ("batch_size",) and path[1] in self.batched:
            return Impact.NUMERICS
        if path[:2] == ("pipeline", "settings") and path[-1] == "batch_size" and self.batched:
            return Impact.NUMERICS
        if path[0] == "modules" and path[2:] == ("device",) and self._is_other_card([old], [new]):
            return Impact.NUMERICS_POSSIBLE
        if path[0] == "replicas":
            before, after = (
                [f"gpu:{number}" for number in (each if isinstance(each, list) else [])] for each in (old, new)
            )
            return Impact.NUMERICS_POSSIBLE if self._is_other_card(before or ["gpu:0"], after) else Impact.DEVICE
        if path[2:4] == _CONFIG and len(path) > 4:
            return _of_option(path[4:], old, new)
        return next(impact for pattern, impact in _PATTERNS if _fits(path, pattern.split(".")))

    def _is_other_card(self, old: Sequence[Any], new: Sequence[Any]) -> bool:
        """Tell whether a device is of a model that was not used before, whose kernels may round otherwise."""
        before, after = (
            {card(str(item), names) for item in devices} for devices, names in zip((old, new), self.cards, strict=True)
        )
        return not after <= before

    def _of_target(self, path: Path) -> Impact | None:
        if path[1] in ("backends", "tools", "hosts") and len(path) == 3:
            # Another version of what nothing here uses changes nothing; what converts a model makes another one.
            # A host does more than kernels: what is done before and after them may be another in another version.
            greatest = Impact.NUMERICS if path[1] == "hosts" else Impact.NUMERICS_POSSIBLE
            return greatest if path[2] in self.used else Impact.COSMETIC
        if path[1] in _OF_GPUS:
            return Impact.NUMERICS_POSSIBLE if self.on_gpu else Impact.COSMETIC
        return None


def card(device: str, names: Sequence[str]) -> str:
    """Return the model of a device: the name of a GPU where it is known, else its kind."""
    kind, _, number = device.partition(":")
    is_known = kind == "gpu" and number.isdecimal() and int(number) < len(names)
    return names[int(number)] if is_known else kind


def batched(plan: Plan) -> frozenset[str]:
    """Return the modules whose answers depend on what shares a batch; of tasks that nobody here knows, they may."""
    contracts = {address: tasks.find(module.module_name) for address, module in plan.modules.items()}
    return frozenset(
        address for address, found in contracts.items() if found is None or _BATCH in found.answers_depend_on
    )


def _used(plan: Plan) -> set[str]:
    engines = [engine for module in plan.modules.values() for engine in module.engines]
    used = {name for item in engines for name in (item.backend, *(step.tool for step in item.prepare))}
    return used if plan.host is None else {*used, plan.host.name}


def _of_option(keys: Path, old: Any, new: Any) -> Impact:
    """Return what another value of an engine's option risks: the worst that a backend with that option says."""
    if keys == ("device_name",) and {*map(repr, (old, new))} <= {repr(ABSENT), repr(_ON_CPU)}:
        # OpenVINO alone has that option; other backends run on the same CPU without it.
        return Impact.COSMETIC
    known = [backend.options[keys[0]] for backend in backends.load_all().values() if keys[0] in backend.options]
    if len(keys) == 2:
        below = [given[keys[1]] for option in known for given in option.keys.values() if keys[1] in given]
        known = below or known
    return max((option.impact for option in known), default=Impact.NUMERICS)


def _fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return True
    return bool(path) and pattern[0] in ("*", path[0]) and _fits(path[1:], pattern[1:])
