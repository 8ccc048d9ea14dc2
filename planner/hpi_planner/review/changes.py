"""What differs between two plans: by address and key, never by position, and what each difference risks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from hpi_schemas import tasks
from hpi_schemas.backends import tuning
from hpi_schemas.plan.model import Plan

from hpi_planner.review.plans import ReviewedPlan

Path = tuple[str, ...]


class _Absent:
    """A key that is not there; null is another thing."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Impact(IntEnum):
    """What a change risks, least first."""

    COSMETIC = 0
    PERFORMANCE = 1
    REBUILD = 2
    DEVICE = 3
    # Kernels of another version may round otherwise.
    NUMERICS_POSSIBLE = 4
    NUMERICS = 5

    @property
    def label(self) -> str:
        """The name as people and options write it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        path: of the value in the plan.
        old, new: the values; ``ABSENT`` where there is none.
        impact: what it risks.
        causes: ``source``, ``override``, ``target``, ``model``, ``profile``, ``rules``; more than one may have done it.
        cause_known: the causes were found by compiling again, not guessed from origins.
    """

    path: Path
    old: Any
    new: Any
    impact: Impact
    causes: tuple[str, ...] = field(default=())
    cause_known: bool = False

    @property
    def address(self) -> str:
        """The module's address, empty for what concerns the whole plan."""
        return self.path[1] if self.path[0] == "modules" else ""

    @property
    def key(self) -> str:
        """The rest of the path, dotted; ``(module)`` for a whole module."""
        rest = self.path[2:] if self.address else self.path
        return ".".join(rest) or "(module)"


# What another version of something that a plan uses risks: tools make what is prepared, the others run.
_PACKAGES = {"backends": Impact.NUMERICS_POSSIBLE, "hosts": Impact.NUMERICS_POSSIBLE, "tools": Impact.REBUILD}
_BATCH, _ON_CPU = "batch", "CPU"
# The first pattern that fits says what a change risks. `*` stands for one key, `**` for any number of them.
_PATTERNS: tuple[tuple[str, Impact], ...] = (
    ("modules.*", Impact.NUMERICS),
    ("modules.*.batch_size", Impact.PERFORMANCE),
    ("modules.*.device", Impact.DEVICE),
    ("modules.*.engine.config.arena_extend_strategy", Impact.PERFORMANCE),
    ("modules.*.engine.config.builder_optimization_level", Impact.REBUILD),
    ("modules.*.engine.config.device_name", Impact.DEVICE),
    ("modules.*.engine.config.gpu_mem_limit_mib", Impact.PERFORMANCE),
    ("modules.*.engine.config.memory_pattern", Impact.PERFORMANCE),
    ("modules.*.engine.config.mkldnn_cache_capacity", Impact.PERFORMANCE),
    ("modules.*.engine.config.dynamic_shapes.**", Impact.REBUILD),
    ("modules.*.engine.config.use_dynamic_shapes", Impact.REBUILD),
    ("modules.*.engine.config.workspace_mib", Impact.REBUILD),
    ("modules.*.engine.prepare.**", Impact.REBUILD),
    # What is left of an engine is its backend, its precision, its passes, its fallback.
    ("modules.*.engine.**", Impact.NUMERICS),
    ("modules.*.model.files.**", Impact.NUMERICS),
    ("modules.*.model.format", Impact.NUMERICS),
    ("modules.*.model.processing.**", Impact.NUMERICS),
    ("modules.*.module_name", Impact.NUMERICS),
    ("modules.*.profile.**", Impact.COSMETIC),
    ("modules.*.session", Impact.PERFORMANCE),
    ("modules.*.settings.**", Impact.NUMERICS),
    ("pipeline.settings.*.batch_size", Impact.PERFORMANCE),
    ("pipeline.**", Impact.NUMERICS),
    ("graph.drawing", Impact.COSMETIC),
    ("graph.order", Impact.COSMETIC),
    ("graph.**", Impact.NUMERICS),
    ("external.**", Impact.NUMERICS),
    ("host.**", Impact.NUMERICS),
    ("must_understand.**", Impact.NUMERICS),
    ("replicas.**", Impact.DEVICE),
    ("target.device", Impact.DEVICE),
    ("target.gpus.**", Impact.REBUILD),
    ("target.cuda", Impact.REBUILD),
    ("target.cores", Impact.PERFORMANCE),
    ("**", Impact.COSMETIC),
)


def changes(old: ReviewedPlan, new: ReviewedPlan) -> list[Change]:
    """Return every difference between two plans, the riskiest first, then by place."""
    used, batched = (known(old.plan) | known(new.plan) for known in (_used, _batched))
    return compared(old.document, new.document, used, batched)


def compared(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    used: frozenset[str] = frozenset(),
    batched: frozenset[str] = frozenset(),
) -> list[Change]:
    """Return every difference between the JSON values of two plans.

    Args:
        old, new: the values.
        used: backends and tools that one of the plans uses; other versions of what is not used change nothing.
        batched: addresses of modules whose answers depend on what shares a batch.
    """
    different = _differences(old, new, ())
    found = [Change(path, one, other, _impact(path, (one, other), used, batched)) for path, one, other in different]
    return sorted(found, key=lambda change: (-change.impact, change.path))


def worst(found: Sequence[Change]) -> Impact | None:
    """Return the greatest impact, None without changes."""
    return max((change.impact for change in found), default=None)


def _differences(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            here = (*path, key)
            yield from _differences(old.get(key, ABSENT), new.get(key, ABSENT), here)
    elif not _same(old, new):
        yield path, old, new


def _same(old: Any, new: Any) -> bool:
    # 1, 1.0 and true are equal to Python and not to JSON.
    return repr(old) == repr(new) if type(old) is not type(new) or isinstance(old, list) else bool(old == new)


def _impact(path: Path, values: tuple[Any, Any], used: frozenset[str], batched: frozenset[str]) -> Impact:
    if path[:1] == ("target",) and len(path) == 3 and path[1] in _PACKAGES:
        # Another version of what nothing here uses changes nothing.
        return _PACKAGES[path[1]] if path[-1] in used else Impact.COSMETIC
    if path[2:] == ("batch_size",) and path[1] in batched:
        return Impact.NUMERICS
    if path[2:] == ("engine", "config", "device_name") and {*map(repr, values)} <= {repr(ABSENT), repr(_ON_CPU)}:
        # OpenVINO alone has that option; other backends run on the same CPU without it.
        return Impact.COSMETIC
    if len(path) == 5 and path[2:4] == ("engine", "config") and path[4] in tuning():
        return Impact.PERFORMANCE
    return next(impact for pattern, impact in _PATTERNS if _fits(path, pattern.split(".")))


def _fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return True
    return bool(path) and pattern[0] in ("*", path[0]) and _fits(path[1:], pattern[1:])


def _used(plan: Plan) -> frozenset[str]:
    """Return the backends and tools that a plan's engines use."""
    engines = [engine for module in plan.modules.values() for engine in module.engines]
    used = {name for item in engines for name in (item.backend, *(step.tool for step in item.prepare))}
    return frozenset(used if plan.host is None else {*used, plan.host.name})


def _batched(plan: Plan) -> frozenset[str]:
    """Return the modules whose answers depend on what shares a batch; of tasks that nobody here knows, they may."""
    contracts = {address: tasks.find(module.module_name) for address, module in plan.modules.items()}
    return frozenset(
        address for address, found in contracts.items() if found is None or _BATCH in found.answers_depend_on
    )
