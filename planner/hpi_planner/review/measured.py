"""What was measured of a change: a comparison of the two plans, and profiles that hold the engines of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpi_schemas import tasks
from hpi_schemas.comparison import Comparison, doubts
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import ModuleRecord
from hpi_schemas.profile import COLD, LATENCY, THROUGHPUT, Entry, Profile
from hpi_schemas.target import Target

from hpi_planner.review.names import Names
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.statements import Statement
from hpi_planner.review.wording import counted, listed

# What measured times are of.
_TIMES = {COLD: "from a start to a first result", LATENCY: "one at a time", THROUGHPUT: "all in one go"}


@dataclass(frozen=True)
class Measurements:
    """Evidence by the names of its files."""

    comparisons: tuple[tuple[str, Comparison], ...] = ()
    profiles: tuple[tuple[str, Profile], ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that was measured, or was not.

    Attributes:
        is_good: it is within what is allowed, None where nothing was measured.
        text: for people.
    """

    is_good: bool | None
    text: str


def findings(
    old: ReviewedPlan, new: ReviewedPlan, names: Names, told: Sequence[Statement], given: Measurements
) -> Iterator[Finding]:
    """Yield what was measured of the statements about a change, and which of them nobody measured.

    Args:
        old, new: the plans.
        names: of their modules.
        told: the statements.
        given: the evidence.
    """
    fitting = [(name, item) for name, item in given.comparisons if is_of(item, old, new)]
    for name, item in given.comparisons:
        yield _compared(name, item, new) if (name, item) in fitting else Finding(None, f"{name} is of other plans")
    numeric = [statement for statement in told if statement.impact >= Impact.NUMERICS_POSSIBLE]
    if numeric and not fitting:
        subjects = listed([statement.subject for statement in numeric])
        yield Finding(
            None, f"not measured: whether answers stay the same ({subjects}); `hpi-run NEW --compare OLD` does"
        )
    addresses = [address for statement in told for address in statement.addresses]
    for address in addresses:
        if address in old.modules and address in new.modules:
            yield from _profiled(names.short(address), old.modules[address], new.modules[address], address, given)


def is_of(item: Comparison, old: ReviewedPlan, new: ReviewedPlan) -> bool:
    """Tell whether a comparison is one of two plans, whichever was the reference."""
    return {item.plan, item.reference} == {old.digest, new.digest}


def _compared(name: str, item: Comparison, new: ReviewedPlan) -> Finding:
    shares = listed([f"{kind} {share:.2%}" for kind, share in item.agreement.items()])
    where = f"{name}, {counted(item.inputs, 'input', 'inputs')}, {machine(item.machine)}"
    reasons = doubts(item, new.plan)
    verdict = f"outside the tolerances: {'; '.join(reasons)}" if reasons else "within the tolerances"
    notes = "".join(f"; {note}" for note in item.notes)
    return Finding(not reasons, f"answers agree: {shares or 'none were compared'}, {verdict}{notes} ({where})")


def machine(target: Target) -> str:
    """Name a machine in a few words."""
    gpus = "".join(f", {gpu.name}" for gpu in target.gpus)
    return f"{target.arch}, {target.cores} cores{gpus}"


def _profiled(name: str, old: ModuleRecord, new: ModuleRecord, address: str, given: Measurements) -> Iterator[Finding]:
    if (old.engine, old.batch_size, old.settings) == (new.engine, new.batch_size, new.settings):
        return
    for file, profile in given.profiles:
        entries = profile.modules[address].entries if address in profile.modules else []
        both = [_entry(entries, module) for module in (old, new)]
        if both[0] is None or both[1] is None:
            which = listed([side for side, entry in zip(("before", "after"), both, strict=True) if entry is None])
            yield Finding(None, f"{name}: not measured in {file} as it is {which}")
        else:
            way = profile.ways[0]
            yield Finding(both[1].takes(way) <= both[0].takes(way), _speed(name, both[0], both[1], file, profile))


def _entry(entries: Sequence[Entry], module: ModuleRecord) -> Entry | None:
    """Return what was measured of a module as a plan has it: a profile names the settings that it tried alone."""
    contract = tasks.find(module.module_name)
    tried = {key for policy in (() if contract is None else contract.shape_policies) for key in policy}
    for entry in entries:
        is_same = all(entry.settings.get(key) == module.settings.get(key) for key in {*tried, *entry.settings})
        if entry.ratio is not None and is_same and entry.is_of(module.engine, module.batch_size, entry.settings):
            return entry
    return None


def _speed(name: str, old: Entry, new: Entry, file: str, profile: Profile) -> str:
    times = [
        f"{what} {new.takes(way) / old.takes(way):.2f} × the time"
        for way, what in _TIMES.items()
        if old.ratio is not None and new.ratio is not None and old.ratio.get(way) and way in new.ratio
    ]
    memory = []
    if old.peak_mib is not None and new.peak_mib is not None:
        memory = [f"memory {old.peak_mib:.0f} → {new.peak_mib:.0f} MiB"]
    return f"{name}: {', '.join([*times, *memory])} ({file}, {machine(profile.target)})"
