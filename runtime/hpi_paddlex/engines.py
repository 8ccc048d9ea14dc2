"""The engines of a hosted plan: loaded when PaddleX asks for them, owned here, freed together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import PlanError
from hpi_runtime.run import loading
from hpi_runtime.run.owned import OwnedEngines
from hpi_runtime.run.plan import LocatedPlan


class HostedEngines(OwnedEngines):
    """Loads what PaddleX asks for, as a native run would: digests, preparation, fallbacks and strictness are its."""

    def __init__(self, plan: LocatedPlan, folders: Mapping[str, Path], strict: bool) -> None:
        """Take a plan whose machine and files were checked, and the folders of its models."""
        super().__init__(plan, strict)
        self._folders = folders
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()

    def engine(self, address: str, model_name: str) -> Engine:
        """Return the engine of a module; asked again, that of its next replica.

        Raises:
            PlanError: the plan has another model there, or fewer replicas.
            PrepareError, EngineError: it cannot be loaded.
        """
        record = self.plan.module(address)
        if record.model.name != model_name:
            raise PlanError(f"{address}: PaddleX asks for {model_name}, and the plan has {record.model.name}")
        with self._lock:
            number = self._number(address)
            if number is not None:
                record = replace(record, device=record.device.at(number))
            # Whoever shares a session has the same model, engine and device.
            owner = record.session or address
            if owner not in self.of_replica(number):
                engine, failure = loading.with_fallback(self.plan, owner, record, self._folders[owner], self.strict)
                self.own(owner, engine, failure, number)
            return self.share(address, owner, number)

    def _number(self, address: str) -> int | None:
        """Return the number of the device of which the engine is asked for now, None where there is but one."""
        asked = self._asked.get(address, 0)
        self._asked[address] = asked + 1
        numbers = self.plan.plan.replicas
        if asked >= max(1, len(numbers)):
            planned = f"{len(numbers)} replicas" if numbers else "one"
            raise PlanError(f"PaddleX asks for {address} a {_nth(asked + 1)} time, and the plan has {planned}")
        return numbers[asked] if numbers else None


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
