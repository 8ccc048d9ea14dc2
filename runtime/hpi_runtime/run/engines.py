"""The engines of a pipeline: loaded side by side where that can be, shared where the plan says so, freed together."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from hpi_schemas.plan.model import ModuleRecord

from hpi_runtime.run import loading
from hpi_runtime.run.executor import no_threads
from hpi_runtime.run.module_stage import Loaded
from hpi_runtime.run.owned import OwnedEngines
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.runner import Observer, Runner, Timer


class Engines(OwnedEngines):
    """Loads the modules of a plan."""

    def __init__(self, plan: LocatedPlan, strict: bool, observe: Observer | None, measure: Timer | None) -> None:
        """Begin with none; the arguments are those of a ``NativePipeline``."""
        super().__init__(plan, strict)
        self._observe = observe
        self._measure = measure

    def load(self, folders: Mapping[str, Path], number: int | None) -> dict[str, Loaded]:
        """Load every module: those that need no preparation side by side, the others one after the other.

        Args:
            folders: of the models, by address.
            number: of the device of a replica, None where there is but one.

        Raises:
            PlanError, PrepareError, EngineError: one of them cannot be loaded; ``close`` frees the others.
        """
        records = {address: self.plan.modules[address] for address in folders}
        if number is not None:
            records = {name: replace(item, device=item.device.at(number)) for name, item in records.items()}
        # Those that use the session of another come when that is there.
        own = [name for name in folders if records[name].session not in folders]
        loaded = self._load_own({name: records[name] for name in own}, folders, number)
        for address in folders:
            if address not in loaded:
                owner = loaded[str(records[address].session)]
                loaded[address] = self._share(address, records[address], folders[address], owner, number)
        return loaded

    def _load_own(
        self, records: Mapping[str, ModuleRecord], folders: Mapping[str, Path], number: int | None
    ) -> dict[str, Loaded]:
        """Load the modules that have a session of their own."""
        loads = {
            name: partial(loading.with_fallback, self.plan, name, record, folders[name], self.strict)
            for name, record in records.items()
        }
        faults: list[BaseException] = []
        loaded: dict[str, Loaded] = {}
        with ThreadPoolExecutor(max(1, len(records))) as pool:
            try:
                early = {name: pool.submit(loads[name]) for name in records if loading.is_ready(records[name])}
            except RuntimeError as fault:
                raise no_threads(fault) from None
            try:
                # The dictionary of a recogniser takes as long to read as its model: all are read meanwhile.
                tasks = {name: loading.make_task(name, record, folders[name]) for name, record in records.items()}
                for address, record in records.items():
                    load = early[address].result if address in early else loads[address]
                    found = loading.open_module(address, record, tasks[address], load)
                    loaded[address] = self._adopt(address, found, number)
            except BaseException as fault:
                faults.append(fault)
        if faults:
            for address, begun in early.items():
                if address not in loaded and begun.exception() is None:
                    begun.result()[0].close()
            raise faults[0]
        return loaded

    def _share(
        self,
        address: str,
        record: ModuleRecord,
        folder: Path,
        owner: Loaded,
        number: int | None,
    ) -> Loaded:
        """Let a module use the session of another."""
        task = loading.make_task(address, record, folder)
        binding = loading.bind(address, record, task, self.share(address, owner.runner.address, number))
        return Loaded(task, owner.runner.shared(address, binding, self._observe, self._measure))

    def _adopt(self, address: str, opened: loading.Opened, number: int | None) -> Loaded:
        self.own(address, opened.engine, opened.failure, number)
        runner = Runner(address, opened.engine, opened.binding, self._observe, self._measure)
        return Loaded(opened.task, self.resources.enter_context(runner))
