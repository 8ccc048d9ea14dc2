"""A plan, loaded: engines, modules and operations wired as its stage graph says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from hpi_schemas.model_store import CONFIG_FILE

from hpi_runtime import engines, modules, prepare
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError, PlanError, PrepareError, RunnerError
from hpi_runtime.executor import Item, execute, execute_one
from hpi_runtime.inputs import Input, read
from hpi_runtime.limits import DEFAULT, Limits
from hpi_runtime.modules.base import Module
from hpi_runtime.plan import Plan
from hpi_runtime.preflight import check
from hpi_runtime.results import Result, failed
from hpi_runtime.stages import DECODE, Observer, Runner, Timer, group_size, workers

_INPUT = "input"
_SINGLE = "module"
# Inputs that may wait between two stages.
_DEPTH = 2
# The largest recogniser's has 0.4 MB.
_LARGEST_CONFIG = 16 << 20
_DEEPEST = 5000
_COMPACT = re.compile(r"(?:[-?][ \t]+){1000}")


class Pipeline:
    """Executes a plan on pictures. Use it in a ``with`` statement, or call ``close``.

    Attributes:
        module: the address of the one module that runs, None for the whole pipeline.
        engines: the loaded engines by module address.
        warnings: what does not keep the plan from running: other versions, fallbacks in use.
        fallbacks: the backend in use by module address, where it is not the plan's first.
    """

    def __init__(
        self,
        plan: Plan,
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
        self.fallbacks: dict[str, str] = {}
        self._strict = strict
        self._measure = measure
        addresses = [stage["module"] for stage in self._stages() if "module" in stage]
        folders, self.warnings = check(plan, addresses, strict)
        try:
            loaded = self._load_all({address: folders[address] for address in addresses}, observe)
            self._workers = workers(self._graph, loaded, measure)
            self._alone = workers(self._graph, loaded, measure, is_alone=True)
            self._group_size = group_size(self._graph, loaded)
        except BaseException:
            self.close()
            raise

    def predict(self, inputs: Any, limits: Limits = DEFAULT) -> Iterator[Result]:
        """Run the plan on pictures and yield one result per picture or page, in order.

        Args:
            inputs: a path, a URL, a BGR array (height × width × 3, uint8), or an iterable of such.
            limits: what each input may cost.
        """
        yield from map(self._result, self.items(inputs, limits))

    def items(self, inputs: Any, limits: Limits = DEFAULT) -> Iterator[Item[Input]]:
        """Run the plan on pictures, as ``predict`` does, and yield everything that its stages made of each."""
        is_one = isinstance(inputs, (str, Path)) or hasattr(inputs, "shape") or not isinstance(inputs, Iterable)
        named = [inputs] if is_one else inputs
        paths = (str(item) if isinstance(item, Path) else item for item in named)
        depth = max(_DEPTH, *(engine.streams for engine in self.engines.values()))
        items = _items(read(paths, limits), self._measure)
        if is_one or (isinstance(named, Sequence) and len(named) == 1):
            # A file may hold several pages.
            ahead = list(islice(items, 2))
            if len(ahead) == 1:
                yield execute_one(ahead[0], self._alone)
                return
            items = chain(ahead, items)
        yield from execute(items, self._workers, depth, self._group_size)

    def actual(self) -> dict[str, Any]:
        """Return what every engine really runs, by module address."""
        return {address: engine.actual() for address, engine in self.engines.items()}

    def close(self) -> None:
        """Free every engine; calling it again does nothing."""
        self._resources.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stages(self) -> list[Mapping[str, Any]]:
        return [self._graph["stages"][name] for name in self._graph["order"]]

    def _load_all(self, folders: Mapping[str, Path], observe: Observer | None) -> dict[str, tuple[Module, Runner]]:
        """Load every module: those that need no preparation side by side, the others one after the other."""
        with ThreadPoolExecutor(max(1, len(folders))) as pool:
            early = {
                address: pool.submit(self._open, address, folder)
                for address, folder in folders.items()
                if self._is_ready(self.plan.modules[address])
            }
            faults: list[BaseException] = []
            loaded: dict[str, tuple[Module, Runner]] = {}
            for address, folder in folders.items():
                # After a fault, what is being opened is still waited for: it must be closed.
                if faults and address not in early:
                    continue
                try:
                    opened = early[address].result() if address in early else self._open(address, folder)
                    loaded[address] = self._adopt(address, opened, observe)
                except BaseException as fault:
                    faults.append(fault)
        if faults:
            raise faults[0]
        return loaded

    @staticmethod
    def _is_ready(record: Mapping[str, Any]) -> bool:
        """Tell whether a module only has to be loaded, on a CPU: GPUs would measure kernels while others load."""
        engine = record["engine"]
        return record["device"] == "cpu" and not engine["prepare"] and not engine.get("fallback")

    def _open(self, address: str, folder: Path) -> _Opened:
        record = self.plan.modules[address]
        module = make_module(address, record, folder)
        engine, failure = self._engine(address, record, folder)
        return _Opened(module, engine, failure)

    def _adopt(self, address: str, opened: _Opened, observe: Observer | None) -> tuple[Module, Runner]:
        """Own an engine from now on, and say what is not as planned."""
        engine = self._resources.enter_context(opened.engine)
        self.engines[address] = engine
        if opened.failure:
            self.fallbacks[address] = engine.name
            self.warnings.append(f"{address} runs on its fallback {engine.name}, because {opened.failure}")
        deviations = [f"{address}: {line}" for line in engine.deviations]
        if deviations and self._strict:
            raise EngineError("\n".join(deviations))
        self.warnings += deviations
        return opened.module, self._resources.enter_context(Runner(address, engine, observe, self._measure))

    def _engine(self, address: str, record: Mapping[str, Any], folder: Path) -> tuple[Engine, str]:
        """Load the plan's engine, or the first of its fallbacks that loads and why the plan's does not."""
        planned = record["engine"]
        try:
            return load_engine(planned, record, folder), ""
        except (PrepareError, EngineError) as fault:
            if self._strict or not planned.get("fallback"):
                raise type(fault)(f"{address}: {fault}{self._mend(address, fault)}") from fault
            failures = [str(fault)]
        for engine in planned["fallback"]:
            try:
                return load_engine(engine, record, folder), failures[0]
            except (PrepareError, EngineError) as fault:
                failures.append(str(fault))
        raise EngineError(f"{address}: neither its engine nor any fallback can be loaded:\n" + "\n".join(failures))

    def _mend(self, address: str, fault: RunnerError) -> str:
        """Return which line of the YAML settles a failed preparation."""
        if not isinstance(fault, PrepareError) or "paddle" not in self.plan.modules[address]["model"]["formats"]:
            return ""
        source = self.plan.data["source"].get("file", "the pipeline's YAML")
        return f"\n  in {source}, `{address}.hpi_config.backend: paddle` needs no preparation; then plan again"

    def _result(self, item: Item[Input]) -> Result:
        source = item.source
        if item.error is not None:
            return failed(source.path, source.page, item.error)
        outputs = self._graph["outputs"]
        for ref in outputs.values():
            if ref not in item.values:
                raise PlanError(f"the plan's graph asks for `{ref}`, which its stage does not give")
        fields: dict[str, Any] = {"input_path": source.path, "page_index": source.page, "plan": self.plan.digest}
        if self.fallbacks:
            fields["fallback"] = dict(self.fallbacks)
        return Result({**fields, **item.values[outputs["result"]]}, image=item.values[outputs["image"]])


class _Opened(NamedTuple):
    """A module's task and engine, and why it is not the plan's; empty if it is."""

    module: Module
    engine: Engine
    failure: str


def make_module(address: str, record: Mapping[str, Any], folder: Path) -> Module:
    """Return the task of a module, with its model's ``inference.yml``.

    Args:
        address: of the module, for messages.
        record: the plan's, of the module.
        folder: of the model.

    Raises:
        PlanError: nobody here knows the task.
        EngineError: the ``inference.yml`` or the settings cannot be used.
    """
    kind = modules.find(record["module_name"])
    if kind is None:
        raise PlanError(f"{address}: this hpi-run does not know the task {record['module_name']}")
    config = _read_config(folder / CONFIG_FILE)
    try:
        return kind(config, record["settings"], record["batch_size"])
    except EngineError as fault:
        raise EngineError(f"{address}: {folder / CONFIG_FILE}: {fault}") from None
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as fault:
        reason = f"{type(fault).__name__}: {fault}"
        raise EngineError(f"{address}: the settings or {folder / CONFIG_FILE} cannot be used: {reason}") from fault


def _graph(plan: Plan, module: str | None) -> Mapping[str, Any]:
    if module is None:
        graph: Mapping[str, Any] | None = plan.data["graph"]
        if graph is None:
            listed = "\n".join(f"  {address}" for address in plan.modules)
            raise PlanError(f"this plan has no stage graph; run one of its modules with --module:\n{listed}")
        return graph
    if module not in plan.modules:
        listed = "\n".join(f"  {address}" for address in plan.modules)
        raise PlanError(f"the plan has no module {module}; it has:\n{listed}")
    return {
        "order": [_SINGLE],
        "outputs": {"image": f"{_INPUT}.image", "result": f"{_SINGLE}.result"},
        "stages": {_SINGLE: {"inputs": {"image": f"{_INPUT}.image"}, "module": module}},
    }


def _read_config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _LARGEST_CONFIG or _is_deep(text):
            raise EngineError(f"{path} is larger or nested deeper than any model's configuration")
        # libyaml's safe loader: the dictionary of a recogniser has 18,000 lines and more.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        config = yaml.load(text, Loader=loader)  # noqa: S506
    except (OSError, yaml.YAMLError, ValueError, LookupError, RecursionError, ArithmeticError) as fault:
        # YAML's constructors raise more than YAMLError: `!!int x` a ValueError, `!!bool x` a KeyError.
        reason = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise EngineError(f"{path} cannot be read: {reason}") from None
    if not isinstance(config, dict):
        raise EngineError(f"{path} is not a mapping")
    return config


def _is_deep(text: str) -> bool:
    """Tell whether a YAML may be nested so deep that libyaml, which is recursive, would exhaust the stack.

    Without looking at every event: flow collections need a bracket a level, compact block ones a mark, and others
    an indentation, whose sum the size of the file bounds.
    """
    return text.count("[") + text.count("{") > _DEEPEST or _COMPACT.search(text) is not None


def load_engine(engine: Mapping[str, Any], record: Mapping[str, Any], folder: Path) -> Engine:
    """Prepare and load an engine.

    Args:
        engine: the plan's record of it.
        record: the plan's, of its module.
        folder: of the model.

    Raises:
        PrepareError, EngineError: it cannot be prepared or loaded.
    """
    kind = engines.find(engine["backend"])
    if kind is None:
        raise EngineError(f"the backend {engine['backend']} is not known to this hpi-run")
    place, files = prepare.engine_files(record["model"], engine, folder, record["device"])
    return kind(place, files, engine["config"], record["device"])


def _items(inputs: Iterator[Input], measure: Timer | None) -> Iterator[Item[Input]]:
    while True:
        started = time.perf_counter()
        source = next(inputs, None)
        if source is None:
            return
        if measure is not None:
            measure(_INPUT, DECODE, time.perf_counter() - started)
        item = Item(source, error=source.error)
        if source.image is not None:
            item.values[f"{_INPUT}.image"] = source.image
            source.image = None
        yield item
