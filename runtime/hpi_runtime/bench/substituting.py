"""A plan with other engines in the place of its own, for whoever measures them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from hpi_schemas.plan.model import EngineRecord, ModelRecord, Plan, PrepareStep
from hpi_schemas.profile import Entry


class Substitute(NamedTuple):
    """What runs a module instead.

    Attributes:
        entry: the candidate.
        model: the module's, with the files that the candidate starts from.
    """

    entry: Entry
    model: ModelRecord


def substituted(plan: Plan, chosen: Mapping[str, Substitute]) -> Plan:
    """Return a plan in which modules, by address, run on a candidate; nothing falls back, and no session is shared."""
    modules = {address: replace(item, fallback=(), session=None) for address, item in plan.modules.items()}
    for address, (entry, model) in chosen.items():
        modules[address] = replace(
            modules[address],
            batch_size=entry.batch_size,
            engine=entry.engine,
            model=model,
            settings={**modules[address].settings, **entry.settings},
        )
    return replace(plan, modules=modules)


def calibrated(engine: EngineRecord, calibration: str | None) -> EngineRecord:
    """Return an engine whose quantisation takes the samples that were collected."""
    if calibration is None or "calibration" not in engine.config:
        return engine
    steps = tuple(_with_samples(step, calibration) for step in engine.prepare)
    return replace(engine, config={**engine.config, "calibration": calibration}, prepare=steps)


def _with_samples(step: PrepareStep, calibration: str) -> PrepareStep:
    if "calibration" not in step.options:
        return step
    return replace(step, options={**step.options, "calibration": calibration})
