"""Engines that load while the rest of the program is still imported: their libraries need not wait for Python."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from hpi_schemas.plan.graph import of_one
from hpi_schemas.plan.model import Graph

from hpi_runtime.engines.base import Engine
from hpi_runtime.run.engine_loading import is_ready, load_engine
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check


class Early:
    """A plan whose machine and files were checked, and those of its engines that need nothing but loading.

    Attributes:
        graph: what of the plan will run.
        folders: of the models, and of what operations read, by address.
        warnings: what is not as planned.
    """

    def __init__(self, plan: LocatedPlan, module: str | None = None, strict: bool = False) -> None:
        """Check this machine, and begin to load.

        Args:
            plan: what to run.
            module: the address of one module to run alone, instead of the whole pipeline.
            strict: refuse other versions of the backends than the plan's.

        Raises:
            PlanError: the plan has no such module, or no stage graph.
            PreflightError: this machine does not satisfy the plan.
        """
        self.graph = _graph(plan, module)
        addresses = self.graph.modules
        self.folders, self.warnings = check(plan, addresses, strict, self.graph)
        records = {address: plan.modules[address] for address in addresses}
        # Those that use the session of another come when that is there.
        own = [name for name, record in records.items() if is_ready(record) and record.session not in records]
        self._pool = ThreadPoolExecutor(max(1, len(own)))
        self._engines: dict[str, Future[Engine]] = {}
        for name in own:
            try:
                self._engines[name] = self._pool.submit(
                    load_engine, records[name].engine, records[name], self.folders[name]
                )
            except RuntimeError:
                # No more threads: whoever needs the engine loads it, or says so.
                break

    def take(self, address: str) -> Engine | None:
        """Return the engine of a module, which is the caller's from now on; None if it is not among these.

        Raises:
            PrepareError, EngineError: it cannot be prepared or loaded.
        """
        found = self._engines.pop(address, None)
        return None if found is None else found.result()

    def close(self) -> None:
        """Wait for what is still loading, and free what nobody took; calling it again does nothing."""
        self._pool.shutdown()
        while self._engines:
            _, left = self._engines.popitem()
            if left.exception() is None:
                left.result().close()


def _graph(plan: LocatedPlan, module: str | None) -> Graph:
    if module is None:
        return plan.graph
    return of_one(module, plan.module(module).module_name)
