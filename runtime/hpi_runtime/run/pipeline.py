"""A plan, loaded: engines, modules and operations wired as its stage graph says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from hpi_schemas.device import CPU
from hpi_schemas.files import Outputs
from hpi_schemas.model_config import ModelConfigError, read_config
from hpi_schemas.model_store import CONFIG_FILE
from hpi_schemas.plan.model import INPUT, EngineRecord, Graph, ModuleRecord, of_one
from hpi_schemas.tasks.check import Contradiction, Facts, contradictions
from hpi_schemas.tasks.processing import processing

from hpi_runtime import engines, modules, prepare
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PlanError, PrepareError, RunnerError
from hpi_runtime.inputs import values
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.inputs.reading import Input, read
from hpi_runtime.modules.base import Module
from hpi_runtime.results.result import Result, failed
from hpi_runtime.run.executor import Item, Worker, execute, execute_one, forked, no_threads
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check
from hpi_runtime.run.stages import DECODE, Observer, Runner, Timer, group_size, workers

# Inputs that may wait between two stages.
_DEPTH = 2


class Pipeline:
    """Executes a plan on pictures. Use it in a ``with`` statement, or call ``close``.

    Attributes:
        module: the address of the one module that runs, None for the whole pipeline.
        engines: the loaded engines by module address; of several replicas, those of the first.
        replicas: the engines of the others, by their device number.
        warnings: what does not keep the plan from running: other versions, fallbacks in use.
        fallbacks: the backend in use by module address, where it is not the plan's first.
    """

    def __init__(
        self,
        plan: LocatedPlan,
        module: str | None = None,
        strict: bool = False,
        observe: Observer | None = None,
        measure: Timer | None = None,
    ) -> None:
        """Check this machine, prepare and load everything.

        Args:
            plan: what to run.
            module: the address of one module to run alone, instead of the whole pipeline.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            observe: is told the address, the inputs and the outputs of every run of an engine, in the engine's thread.
            measure: is told how long each step took, see ``stages``.

        Raises:
            PlanError: the plan has no such module, or no stage graph.
            PreflightError: this machine does not satisfy the plan.
            PrepareError: a prepare step failed.
            EngineError: an engine cannot be loaded.
        """
        self.plan = plan
        self.module = module
        self._graph = _graph(plan, module)
        self._resources = ExitStack()
        self.engines: dict[str, Engine] = {}
        self.replicas: dict[int, dict[str, Engine]] = {}
        self.fallbacks: dict[str, str] = {}
        self._strict = strict
        self._measure = measure
        self._process = os.getpid()
        self._closed = False
        addresses = self._graph.modules
        folders, self.warnings = check(plan, addresses, strict)
        self._chains: list[list[Worker]] = []
        try:
            numbers: list[int | None] = [*plan.plan.replicas] or [None]
            for number in numbers:
                loaded = self._load_all({address: folders[address] for address in addresses}, observe, number)
                self._chains.append(workers(self._graph, loaded, measure))
                if len(self._chains) == 1:
                    self._alone = workers(self._graph, loaded, measure, is_alone=True)
                    self._group_size = group_size(self._graph, loaded)
        except BaseException:
            self.close()
            raise

    def predict(self, inputs: Any, limits: Limits = DEFAULT) -> Iterator[Result]:
        """Run the plan on pictures and return an iterator over one result per picture or page, in order.

        Args:
            inputs: a path, a folder, a URL, bytes, a file open for reading bytes, a picture of Pillow, an array in BGR
                order (height × width × 3, uint8; see ``inputs.values.as_image`` for others), or an iterable of such.
            limits: what each input may cost.

        Raises:
            TypeError: the inputs are none of these.
            RunnerError: the pipeline is closed, or was loaded before this process was forked.
        """
        outputs = cache(partial(self._outputs, inputs))
        return map(partial(self._result, outputs), self.items(inputs, limits))

    def items(self, inputs: Any, limits: Limits = DEFAULT) -> Iterator[Item[Input]]:
        """Run the plan on pictures, as ``predict`` does, and yield everything that its stages made of each."""
        self._check_usable()
        is_one = values.is_single(inputs) or (isinstance(inputs, Sequence) and len(inputs) == 1)
        return self._items(_items(read(values.each(inputs), limits), self._measure), is_one)

    def _items(self, items: Iterator[Item[Input]], is_one: bool) -> Iterator[Item[Input]]:
        # Again, for this runs when the first result is asked for.
        self._check_usable()
        depth = max(_DEPTH, *(engine.streams for engine in self.engines.values()))
        if is_one:
            # A file may hold several pages.
            ahead = list(islice(items, 2))
            if len(ahead) == 1:
                yield execute_one(ahead[0], self._alone)
                return
            items = chain(ahead, items)
        yield from execute(items, self._chains, depth, self._group_size)

    def _check_usable(self) -> None:
        if self._closed:
            raise PlanError("the pipeline is closed; load the plan again, or use it inside its `with` statement")
        if os.getpid() != self._process:
            # The threads of its engines are not in this process, and waiting for them would have no end.
            raise forked()

    @property
    def drawing(self) -> str:
        """What PaddleX calls the picture drawn of a result, such as ``ocr_res_img``."""
        return self._graph.drawing

    def actual(self) -> dict[str, Any]:
        """Return what every engine really runs, by module address."""
        return {address: engine.actual() for address, engine in self.engines.items()}

    def close(self) -> None:
        """Free every engine; calling it again does nothing. In a forked process there is nothing to free."""
        self._closed = True
        if os.getpid() == self._process:
            self._resources.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load_all(
        self, folders: Mapping[str, Path], observe: Observer | None, number: int | None
    ) -> dict[str, tuple[Module, Runner]]:
        """Load every module: those that need no preparation side by side, the others one after the other.

        ``number`` is the device of a replica, None where there is but one.
        """
        with ThreadPoolExecutor(max(1, len(folders))) as pool:
            ready = [address for address in folders if self._is_ready(self.plan.modules[address])]
            try:
                early = {address: pool.submit(self._open, address, folders[address], number) for address in ready}
            except RuntimeError as fault:
                raise no_threads(fault) from None
            faults: list[BaseException] = []
            loaded: dict[str, tuple[Module, Runner]] = {}
            for address, folder in folders.items():
                # After a fault, what is being opened is still waited for: it must be closed.
                if faults and address not in early:
                    continue
                try:
                    opened = early[address].result() if address in early else self._open(address, folder, number)
                    loaded[address] = self._adopt(address, opened, observe, number)
                except BaseException as fault:
                    faults.append(fault)
        if faults:
            raise faults[0]
        return loaded

    @staticmethod
    def _is_ready(record: ModuleRecord) -> bool:
        """Tell whether a module only has to be loaded, on a CPU: GPUs would measure kernels while others load."""
        return record.device == CPU and not record.engine.prepare and not record.fallback

    def _open(self, address: str, folder: Path, number: int | None) -> _Opened:
        record = self.plan.modules[address]
        if number is not None:
            record = replace(record, device=record.device.at(number))
        module = make_module(address, record, folder)
        engine, failure = self._engine(address, record, folder)
        try:
            check_engine(address, record, module, engine)
        except EngineError:
            engine.close()
            raise
        return _Opened(module, engine, failure)

    def _adopt(
        self, address: str, opened: _Opened, observe: Observer | None, number: int | None
    ) -> tuple[Module, Runner]:
        """Own an engine from now on, and say what is not as planned."""
        engine = self._resources.enter_context(opened.engine)
        is_first = number is None or number == self.plan.plan.replicas[0]
        owned = self.engines if is_first else self.replicas.setdefault(number or 0, {})
        owned[address] = engine
        if opened.failure:
            self.fallbacks[address] = engine.name
            self.warnings.append(f"{address} runs on its fallback {engine.name}, because {opened.failure}")
        deviations = [f"{address}: {line}" for line in engine.deviations]
        if deviations and self._strict:
            raise EngineError("\n".join(deviations))
        self.warnings += deviations
        return opened.module, self._resources.enter_context(Runner(address, engine, observe, self._measure))

    def _engine(self, address: str, record: ModuleRecord, folder: Path) -> tuple[Engine, str]:
        """Load the plan's engine, or the first of its fallbacks that loads and why the plan's does not."""
        try:
            return load_engine(record.engine, record, folder), ""
        except (PrepareError, EngineError) as fault:
            if self._strict or not record.fallback:
                raise type(fault)(f"{address}: {fault}{self._mend(address, fault)}") from fault
            failures = [str(fault)]
        for engine in record.fallback:
            try:
                return load_engine(engine, record, folder), failures[0]
            except (PrepareError, EngineError) as fault:
                failures.append(str(fault))
        raise EngineError(f"{address}: neither its engine nor any fallback can be loaded:\n" + "\n".join(failures))

    def _mend(self, address: str, fault: RunnerError) -> str:
        """Return which line of the YAML settles a failed preparation."""
        if not isinstance(fault, PrepareError) or "paddle" not in self.plan.modules[address].model.formats:
            return ""
        source = self.plan.plan.source.file or "the pipeline's YAML"
        return f"\n  in {source}, `{address}.hpi_config.backend: paddle` needs no preparation; then plan again"

    def _outputs(self, inputs: Any) -> Outputs:
        """Return what results of these inputs may be written over: anything, as PaddleX does, but what is read."""
        return Outputs([*self.plan.files(), *values.paths(inputs)], overwrite=True)

    def _result(self, outputs: Callable[[], Outputs], item: Item[Input]) -> Result:
        source = item.source
        if item.error is not None:
            return failed(source.path, source.page, item.error, self.plan.digest, outputs)
        named = self._graph.outputs
        for ref in named.values():
            if ref not in item.values:
                raise PlanError(f"the plan's graph asks for `{ref}`, which its stage does not give")
        fields: dict[str, Any] = {"input_path": source.path, "page_index": source.page, "plan": self.plan.digest}
        if self.fallbacks:
            fields["fallback"] = dict(self.fallbacks)
        fields |= item.values[named["result"]]
        return Result(fields, item.values[named["image"]], self.drawing, outputs)


class _Opened(NamedTuple):
    """A module's task and engine, and why it is not the plan's; empty if it is."""

    module: Module
    engine: Engine
    failure: str


def make_module(address: str, record: ModuleRecord, folder: Path) -> Module:
    """Return the task of a module, with its model's ``inference.yml``.

    Args:
        address: of the module, for messages.
        record: the plan's, of the module.
        folder: of the model.

    Raises:
        PlanError: nobody here knows the task.
        EngineError: the ``inference.yml`` or the settings cannot be used.
    """
    kind = modules.find(record.module_name)
    if kind is None:
        raise PlanError(f"{address}: this hpi-run does not know the task {record.module_name}")
    path = folder / CONFIG_FILE
    try:
        config = read_config(path)
    except ModelConfigError as fault:
        raise EngineError(f"{address}: {path} {fault}") from None
    except OSError as fault:
        raise EngineError(f"{address}: {path} cannot be read: {fault.strerror}") from None
    facts = Facts({}, {}, processing(config), record.settings, record.batch_size)
    _refuse(address, path, contradictions(record.module_name, facts))
    try:
        return kind(config, record.settings, record.batch_size)
    except EngineError as fault:
        raise EngineError(f"{address}: {folder / CONFIG_FILE}: {fault}") from None
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as fault:
        reason = f"{type(fault).__name__}: {fault}"
        raise EngineError(f"{address}: the settings or {folder / CONFIG_FILE} cannot be used: {reason}") from fault


def check_engine(address: str, record: ModuleRecord, module: Module, engine: Engine) -> None:
    """Compare what a loaded engine tells of its model with what the module's task demands.

    Args:
        address: of the module, for messages.
        record: the plan's, of the module.
        module: its task.
        engine: loaded.

    Raises:
        EngineError: the model does not fit the task.
    """
    # The first output is the one that counts.
    first = [item for item in engine.told if item.name == engine.outputs[0]]
    inputs, outputs = (
        {item.name: (item.dtype.name, list(item.shape)) for item in found} for found in (engine.inputs, first)
    )
    facts = Facts(inputs, outputs, processing(module.config), record.settings, record.batch_size)
    _refuse(address, engine.folder / engine.files[0], contradictions(record.module_name, facts))


def _refuse(address: str, path: Path, found: Sequence[Contradiction]) -> None:
    if found:
        lines = [f"{item.message}{f'; {item.help}' if item.help else ''}" for item in found]
        raise EngineError(f"{address}: {path}: " + "\n".join(lines))


def _graph(plan: LocatedPlan, module: str | None) -> Graph:
    if module is None:
        return plan.graph
    if module not in plan.modules:
        listed = "\n".join(f"  {address}" for address in plan.modules)
        raise PlanError(f"the plan has no module {module}; it has:\n{listed}")
    return of_one(module)


def load_engine(engine: EngineRecord, record: ModuleRecord, folder: Path) -> Engine:
    """Prepare and load an engine.

    Args:
        engine: the plan's record of it.
        record: the plan's, of its module.
        folder: of the model.

    Raises:
        PrepareError, EngineError: it cannot be prepared or loaded.
    """
    kind = engines.find(engine.backend)
    if kind is None:
        raise EngineError(f"the backend {engine.backend} is not known to this hpi-run")
    made = prepare.engine_files(record.model, engine, folder, record.device)
    return kind(made.folder, made.files, engine.config, record.device, made.digests)


def _items(inputs: Iterator[Input], measure: Timer | None) -> Iterator[Item[Input]]:
    while True:
        started = time.perf_counter()
        source = next(inputs, None)
        if source is None:
            return
        if measure is not None:
            measure(INPUT, DECODE, time.perf_counter() - started)
        item = Item(source, error=source.error)
        if source.image is not None:
            item.values[f"{INPUT}.image"] = source.image
            source.image = None
        yield item
