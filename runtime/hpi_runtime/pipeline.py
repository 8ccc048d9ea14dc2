"""A plan, loaded: engines, modules and operations wired as its stage graph says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from hpi_schemas.model_store import CONFIG_FILE

from hpi_runtime import engines, modules, ops, prepare
from hpi_runtime.engines.base import Arrays, Engine
from hpi_runtime.errors import EngineError, PlanError, PrepareError, RunnerError
from hpi_runtime.executor import Item, Worker, execute
from hpi_runtime.inputs import Input, read
from hpi_runtime.limits import DEFAULT, Limits
from hpi_runtime.modules.base import Module, Prepared
from hpi_runtime.plan import Plan
from hpi_runtime.preflight import check
from hpi_runtime.results import Result, failed

# Is called with a module's address, the arrays that went in, and those that came out.
Observer = Callable[[str, Arrays, Arrays], None]
_INPUT = "input"
_SINGLE = "module"
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
        self, plan: Plan, module: str | None = None, strict: bool = False, observe: Observer | None = None
    ) -> None:
        """Check this machine, prepare and load everything.

        Args:
            plan: what to run.
            module: the address of one module to run alone, instead of the whole pipeline.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            observe: is told the address, the inputs and the outputs of every run of an engine, in the engine's thread.

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
        addresses = [stage["module"] for stage in self._stages() if "module" in stage]
        folders, self.warnings = check(plan, addresses, strict)
        try:
            loaded = {address: self._load(address, folders[address]) for address in addresses}
            self._workers = _workers(self._graph, loaded, observe)
        except BaseException:
            self.close()
            raise

    def predict(self, inputs: Any, limits: Limits = DEFAULT) -> Iterator[Result]:
        """Run the plan on pictures and yield one result per picture or page, in order.

        Args:
            inputs: a path, a URL, a BGR array (height × width × 3, uint8), or an iterable of such.
            limits: what each input may cost.
        """
        is_one = isinstance(inputs, (str, Path)) or hasattr(inputs, "shape") or not isinstance(inputs, Iterable)
        named = [inputs] if is_one else inputs
        paths = (str(item) if isinstance(item, Path) else item for item in named)
        for item in execute(_items(read(paths, limits)), self._workers):
            yield self._result(item)

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

    def _load(self, address: str, folder: Path) -> tuple[Module, Engine]:
        record = self.plan.modules[address]
        module = make_module(address, record, folder)
        engine = self._resources.enter_context(self._engine(address, record, folder))
        self.engines[address] = engine
        deviations = [f"{address}: {line}" for line in engine.deviations]
        if deviations and self._strict:
            raise EngineError("\n".join(deviations))
        self.warnings += deviations
        return module, engine

    def _engine(self, address: str, record: Mapping[str, Any], folder: Path) -> Engine:
        """Load the plan's engine, or the first of its fallbacks that loads, and say so loudly."""
        planned = record["engine"]
        try:
            return _load_engine(planned, record, folder)
        except (PrepareError, EngineError) as fault:
            if self._strict or not planned.get("fallback"):
                raise type(fault)(f"{address}: {fault}{self._mend(address, fault)}") from fault
            failures = [str(fault)]
        for engine in planned["fallback"]:
            try:
                loaded = _load_engine(engine, record, folder)
            except (PrepareError, EngineError) as fault:
                failures.append(str(fault))
                continue
            self.fallbacks[address] = engine["backend"]
            self.warnings.append(f"{address} runs on its fallback {engine['backend']}, because {failures[0]}")
            return loaded
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


def _load_engine(engine: Mapping[str, Any], record: Mapping[str, Any], folder: Path) -> Engine:
    kind = engines.find(engine["backend"])
    if kind is None:
        raise EngineError(f"the backend {engine['backend']} is not known to this hpi-run")
    place, files = prepare.engine_files(record["model"], engine, folder, record["device"])
    return kind(place, files, engine["config"], record["device"])


def _items(inputs: Iterable[Input]) -> Iterator[Item[Input]]:
    for source in inputs:
        item = Item(source, error=source.error)
        if source.image is not None:
            item.values[f"{_INPUT}.image"] = source.image
            source.image = None
        yield item


def _workers(
    graph: Mapping[str, Any], loaded: Mapping[str, tuple[Module, Engine]], observe: Observer | None
) -> list[Worker]:
    """Return the workers: glue up to an engine, the engine, glue up to the next, and so on."""
    workers: list[Worker] = []
    steps: list[Worker] = []
    for name in graph["order"]:
        stage = graph["stages"][name]
        if "op" in stage:
            steps.append(_op(name, stage))
            continue
        module, engine = loaded[stage["module"]]
        steps.append(_before(name, stage, module))
        workers += [_in_turn(steps), _infer(name, stage["module"], engine, observe)]
        steps = [_after(name, stage, module)]
    workers.append(_in_turn(steps))
    return workers


def _in_turn(steps: list[Worker]) -> Worker:
    def work(item: Item[Any]) -> None:
        for step in steps:
            step(item)

    return work


def _op(name: str, stage: Mapping[str, Any]) -> Worker:
    run = ops.find(stage["op"])
    if run is None:
        raise PlanError(f"this hpi-run does not know the operation {stage['op']}")

    def work(item: Item[Any]) -> None:
        inputs = {port: item.values[ref] for port, ref in stage["inputs"].items()}
        for port, value in run(inputs, stage["params"]).items():
            item.values[f"{name}.{port}"] = value

    return work


def _before(name: str, stage: Mapping[str, Any], module: Module) -> Worker:
    port, ref = next(iter(stage["inputs"].items()))

    def work(item: Item[Any]) -> None:
        value = item.values[ref]
        item.values[name] = module.preprocess([value] if port == "image" else value)

    return work


def _infer(name: str, address: str, engine: Engine, observe: Observer | None) -> Worker:
    tensor, output = engine.inputs[0].name, engine.outputs[0]

    def work(item: Item[Any]) -> None:
        prepared: Prepared = item.values[name]
        results = []
        for batch in prepared.batches:
            outputs = engine.run({tensor: batch})
            if observe is not None:
                observe(address, {tensor: batch}, outputs)
            results.append(outputs[output])
        item.values[name] = Prepared(results, prepared.context)

    return work


def _after(name: str, stage: Mapping[str, Any], module: Module) -> Worker:
    is_single = "image" in stage["inputs"]

    def work(item: Item[Any]) -> None:
        outputs: Prepared = item.values.pop(name)
        values: dict[str, Any] = module.postprocess(outputs.batches, outputs.context)
        if is_single:
            values = {port: value[0] for port, value in values.items()}
            values["result"] = module.result(values)
        for port, value in values.items():
            item.values[f"{name}.{port}"] = value

    return work
