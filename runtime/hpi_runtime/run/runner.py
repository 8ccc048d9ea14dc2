"""Running batches on the engine of a module, in threads of its own; who watches is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from hpi_schemas.tasks.binding import Binding

from hpi_runtime.engines.base import Arrays, Engine
from hpi_runtime.run.executor import no_threads
from hpi_runtime.tasks.base import Arrays as Roles

# Is called with a module's address, the arrays that went in, and those that came out.
Observer = Callable[[str, Arrays, Arrays], None]
# Is called with a module's address or an operation's stage, what it did (one of the kinds below), the seconds, and the
# owners of the items that it was done for.
Timer = Callable[[str, str, float, Sequence[Any]], None]


class Answer(Protocol):
    """What an engine makes of a batch, later."""

    def result(self) -> Roles:
        """Wait for the outputs of the model, by role."""

    def cancel(self) -> bool:
        """Do not begin with it, if it has not begun."""


DECODE, PREPROCESS, INFERENCE, POSTPROCESS, GLUE = "decode", "preprocess", "inference", "postprocess", "glue"


class Runner:
    """Runs batches on an engine, as many at a time as it has streams. Use it in a ``with`` statement."""

    def __init__(
        self,
        address: str,
        engine: Engine,
        binding: Binding,
        observe: Observer | None,
        measure: Timer | None,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Take the engine of a module, and start its threads, or take those of another that has the same engine.

        Raises:
            EngineError: the system starts no more threads.
        """
        self.address = address
        self.engine = engine
        self.binding = binding
        self._observe = observe
        self._measure = measure
        if pool is not None:
            self._pool = pool
            return
        self._pool = ThreadPoolExecutor(engine.streams, f"hpi-{address}")
        together = threading.Barrier(engine.streams)
        try:
            # A pool starts its threads when they are first needed, when it is too late to say that there are none.
            for started in [self._pool.submit(together.wait) for _ in range(engine.streams)]:
                started.result()
        except RuntimeError as fault:
            together.abort()
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise no_threads(fault) from None

    def shared(self, address: str, binding: Binding, observe: Observer | None, measure: Timer | None) -> Runner:
        """Return a runner of another module with the same engine, in the same threads; this one ends them."""
        return Runner(address, self.engine, binding, observe, measure, self._pool)

    def submit(self, batch: Roles, owners: Sequence[Any] = ()) -> Answer:
        """Run a batch soon, in a thread of the engine's."""
        return self._pool.submit(self.run, batch, owners)

    def run_model(self, arrays: Arrays) -> Arrays:
        """Run the model on arrays by its own names, in a thread of the engine's."""
        return self._pool.submit(self.engine.run, arrays).result()

    def run(self, batch: Roles, owners: Sequence[Any] = ()) -> Roles:
        """Return the outputs of the model for a batch, both by role.

        Args:
            batch: an array for each input.
            owners: of the items that are in it.
        """
        arrays: Arrays = {name: batch[role] for role, name in self.binding.inputs.items()}
        started = time.perf_counter()
        outputs = self.engine.run(arrays)
        if self._measure is not None:
            self._measure(self.address, INFERENCE, time.perf_counter() - started, owners)
        if self._observe is not None:
            self._observe(self.address, arrays, outputs)
        return {role: outputs[name] for role, name in self.binding.outputs.items()}

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
