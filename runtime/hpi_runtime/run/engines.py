"""The engines of a pipeline: loaded side by side where that can be, shared where the plan says so, freed together."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
        with ThreadPoolExecutor(max(1, len(folders))) as pool:
            records = {address: self.plan.modules[address] for address in folders}
            if number is not None:
                records = {name: replace(item, device=item.device.at(number)) for name, item in records.items()}

            def opened(address: str) -> loading.Opened:
                return loading.open_module(self.plan, address, records[address], folders[address], self.strict)

            # Those that use the session of another come when that is there.
            own = [name for name in folders if records[name].session not in folders]
            try:
                early = {name: pool.submit(opened, name) for name in own if loading.is_ready(records[name])}
            except RuntimeError as fault:
                raise no_threads(fault) from None
            faults: list[BaseException] = []
            loaded: dict[str, Loaded] = {}
            for address in own:
                # After a fault, what is being opened is still waited for: it must be closed.
                if faults and address not in early:
                    continue
                try:
                    found = early[address].result() if address in early else opened(address)
                    loaded[address] = self._adopt(address, found, number)
                except BaseException as fault:
                    faults.append(fault)
        if faults:
            raise faults[0]
        for address in folders:
            if address not in loaded:
                owner = loaded[str(records[address].session)]
                loaded[address] = self._share(address, records[address], folders[address], owner, number)
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
