"""Engines that are compiled ahead of loading, for programs that start often: a prepare step makes what they load."""

from __future__ import annotations

from dataclasses import replace

from hpi_schemas.backends import AHEAD, load_all, option_of
from hpi_schemas.plan.model import EngineRecord

from hpi_planner.ir import Module, Origin
from hpi_planner.select.choice import Choice


def compiled_ahead(choice: Choice, decided: Module, origin: Origin) -> Module:
    """Return a module whose engine, and fallbacks, are compiled ahead where that can be done and nobody said no.

    Args:
        choice: of the module.
        decided: it, with its engine.
        origin: who wants that.
    """
    if decided.engine is None:
        return decided
    engine = _compiled(choice, decided.engine)
    key = option_of(engine.backend, AHEAD)
    origins = dict(decided.origins)
    if engine != decided.engine and key is not None:
        origins[f"engine.config.{key}"] = origin
    fallback = tuple(_compiled(choice, item) for item in decided.fallback)
    return replace(decided, engine=engine, fallback=fallback, origins=origins)


def _compiled(choice: Choice, engine: EngineRecord) -> EngineRecord:
    key = option_of(engine.backend, AHEAD)
    if key is None or key not in engine.config or key in choice.given():
        return engine
    return choice.engine(load_all()[engine.backend], {**engine.config, key: True})
