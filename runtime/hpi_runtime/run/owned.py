"""Loaded engines and their owner: which they are, what of them is not as planned, and that they are freed together."""

from __future__ import annotations

from contextlib import ExitStack

from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError
from hpi_runtime.run.plan import LocatedPlan


class OwnedEngines:
    """The engines of a plan.

    Attributes:
        first: the engines by module address; of several replicas, those of the first.
        replicas: the engines of the others, by their device number.
        warnings: what is not as planned.
        fallbacks: the backend in use by module address, where it is not the plan's first.
        resources: what is freed with them.
    """

    def __init__(self, plan: LocatedPlan, strict: bool) -> None:
        """Begin with none.

        Args:
            plan: that they are of.
            strict: an engine with other threads or streams than planned is refused.
        """
        self.first: dict[str, Engine] = {}
        self.replicas: dict[int, dict[str, Engine]] = {}
        self.warnings: list[str] = []
        self.fallbacks: dict[str, str] = {}
        self.resources = ExitStack()
        self.plan = plan
        self.strict = strict

    def own(self, address: str, engine: Engine, failure: str, number: int | None) -> None:
        """Own an engine from now on, and note what is not as planned.

        Args:
            address: of its module.
            engine: loaded.
            failure: why it is not the plan's first; empty if it is.
            number: of the device of its replica, None where there is but one.

        Raises:
            EngineError: it runs with other threads or streams than planned, which is refused.
        """
        self.resources.enter_context(engine)
        self.of_replica(number)[address] = engine
        if failure:
            self.fallbacks[address] = engine.name
            self.warnings.append(f"{address} runs on its fallback {engine.name}, because {failure}")
        deviations = [f"{address}: {line}" for line in engine.deviations]
        if deviations and self.strict:
            raise EngineError("\n".join(deviations))
        self.warnings += deviations

    def share(self, address: str, owner: str, number: int | None) -> Engine:
        """Let a module use the engine of another, and return it."""
        engines = self.of_replica(number)
        engines[address] = engines[owner]
        if owner in self.fallbacks:
            self.fallbacks[address] = engines[owner].name
        return engines[owner]

    def of_replica(self, number: int | None) -> dict[str, Engine]:
        """Return the engines of a replica; None is the only one."""
        is_first = number is None or number == self.plan.plan.replicas[0]
        return self.first if is_first else self.replicas.setdefault(number or 0, {})

    def close(self) -> None:
        """Free every engine; calling it again does nothing."""
        self.resources.close()
