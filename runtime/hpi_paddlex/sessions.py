"""The engines of a hosted plan: loaded when PaddleX asks for them, owned here, freed together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PlanError
from hpi_runtime.run import loading
from hpi_runtime.run.plan import LocatedPlan
from hpi_schemas.plan.model import ModuleRecord


class Sessions:
    """Loads what PaddleX asks for, as a native run would: digests, preparation, fallbacks and strictness are its.

    Attributes:
        first: the engines by module address; of several replicas, those of the first.
        replicas: the engines of the others, by their device number.
        warnings: what is not as planned.
        fallbacks: the backend in use by module address, where it is not the plan's first.
    """

    def __init__(self, plan: LocatedPlan, folders: Mapping[str, Path], strict: bool) -> None:
        """Take a plan whose machine and files were checked."""
        self.first: dict[str, Engine] = {}
        self.replicas: dict[int, dict[str, Engine]] = {}
        self.warnings: list[str] = []
        self.fallbacks: dict[str, str] = {}
        self._plan = plan
        self._folders = folders
        self._strict = strict
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()
        self._resources = ExitStack()

    def engine(self, address: str, model_name: str) -> Engine:
        """Return the engine of a module; asked again, that of its next replica.

        Raises:
            PlanError: the plan has another model there, or fewer replicas.
            PrepareError, EngineError: it cannot be loaded.
        """
        record = self._plan.module(address)
        if record.model.name != model_name:
            raise PlanError(f"{address}: PaddleX asks for {model_name}, and the plan has {record.model.name}")
        with self._lock:
            number = self._number(address)
            loaded = self.first if number is None else self.replicas.setdefault(number, {})
            if number is not None:
                record = replace(record, device=record.device.at(number))
            # Whoever shares a session has the same model, engine and device.
            owner = record.session or address
            if owner not in loaded:
                loaded[owner] = self._load(owner, record)
            loaded[address] = loaded[owner]
            return loaded[address]

    def _number(self, address: str) -> int | None:
        """Return which replica is asked for now; None for the first."""
        asked = self._asked.get(address, 0)
        self._asked[address] = asked + 1
        numbers = self._plan.plan.replicas or (0,)
        if asked >= len(numbers):
            planned = f"{len(numbers)} replicas" if len(numbers) > 1 else "one"
            raise PlanError(f"PaddleX asks for {address} a {_nth(asked + 1)} time, and the plan has {planned}")
        return None if asked == 0 else numbers[asked]

    def _load(self, address: str, record: ModuleRecord) -> Engine:
        engine, failure = loading.with_fallback(self._plan, address, record, self._folders[address], self._strict)
        self._resources.enter_context(engine)
        if failure:
            self.fallbacks[address] = engine.name
            self.warnings.append(f"{address} runs on its fallback {engine.name}, because {failure}")
        deviations = [f"{address}: {line}" for line in engine.deviations]
        if deviations and self._strict:
            raise EngineError("\n".join(deviations))
        self.warnings += deviations
        return engine

    def close(self) -> None:
        """Free every engine; calling it again does nothing."""
        self._resources.close()


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
