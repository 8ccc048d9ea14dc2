"""A plan, run by its own stage graph: engines, modules and operations wired as it says."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain, islice
from typing import Any

from hpi_schemas.plan.graph import of_one
from hpi_schemas.plan.model import Graph
from hpi_schemas.values import Value

from hpi_runtime import argument_checks
from hpi_runtime.engines.base import Arrays
from hpi_runtime.inputs import values
from hpi_runtime.inputs.limits import DEFAULT, LIMITS, Limits
from hpi_runtime.inputs.reading import Input, read
from hpi_runtime.results.result import Result
from hpi_runtime.run import arguments, folders
from hpi_runtime.run.engines import Engines
from hpi_runtime.run.executor import Executor, Group, Item, Worker, execute_one
from hpi_runtime.run.grouping import MAX_WAIT
from hpi_runtime.run.items import items
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check
from hpi_runtime.run.reporting import Reporter
from hpi_runtime.run.runner import Observer, Timer
from hpi_runtime.run.stages import group_size, workers
from hpi_runtime.run.stream import stream
from hpi_runtime.run.variant import Parts, Variant

# Inputs that may wait between two stages.
_DEPTH = 2
# What of the Markdown of pages is put together.
_TEXTS, _FLAGS = _PAGE = "markdown_texts", "page_continuation_flags"


class NativePipeline(Pipeline):
    """Executes a plan on pictures by its stage graph.

    Attributes:
        group_size: inputs that modules which take one picture of each want to see together.
    """

    def __init__(
        self,
        plan: LocatedPlan,
        module: str | None = None,
        strict: bool = False,
        observe: Observer | None = None,
        measure: Timer | None = None,
        keep: Collection[str] = (),
    ) -> None:
        """Check this machine, prepare and load everything.

        Args:
            plan: what to run.
            module: the address of one module to run alone, instead of the whole pipeline.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            observe: is told the address, the inputs and the outputs of every run of an engine, in the engine's thread.
            measure: is told how long each step took, see ``stages``.
            keep: references whose values ``items`` still have at the end; others are freed on the way.

        Raises:
            PlanError: the plan has no such module, or no stage graph.
            PreflightError: this machine does not satisfy the plan.
            PrepareError: a prepare step failed.
            EngineError: an engine cannot be loaded.
        """
        self._graph = _graph(plan, module)
        self._reporter = Reporter(plan, self._graph, lambda: self.fallbacks)
        self._measure = measure
        addresses = self._graph.modules
        places, warnings = check(plan, addresses, strict, self._graph)
        self._engines = Engines(plan, strict, observe, measure)
        super().__init__(plan, module, self._engines, warnings)
        try:
            held = folders.load(self._graph, places)
            numbers: list[int | None] = [*plan.plan.replicas] or [None]
            chains: list[list[Worker]] = []
            for number in numbers:
                loaded = self._engines.load({address: places[address] for address in addresses}, number)
                chains.append(workers(self._graph, loaded, measure, keep=keep, held=held))
                if len(chains) == 1:
                    self._parts = Parts(plan, loaded, places, held, measure, keep)
                    self._alone = workers(self._graph, loaded, measure, is_alone=True, keep=keep, held=held)
                    self.group_size = group_size(self._graph, loaded)
            depth = max(_DEPTH, *(engine.streams for engine in self.engines.values()))
            self._executor = Executor(chains, depth)
            # Its threads hold the engines: a pipeline that nobody closes must not be kept by them.
            self._let_go = weakref.finalize(self, self._executor.close)
        except BaseException:
            self.close()
            raise

    def predict(
        self, input: Any, batch_size: int | None = None, *, limits: Limits = DEFAULT, **settings: Any
    ) -> Iterator[Result]:
        """Run the plan on pictures and return an iterator over one result per picture or page, in order.

        Args:
            input: a path, a folder, a URL, bytes, a file open for reading bytes, a picture of Pillow, an array in BGR
                order (height × width × 3, uint8; see ``inputs.values.as_image`` for others), a table of pandas, or an
                iterable of such.
            batch_size: as in PaddleX; a frozen plan takes what it has, and None.
            limits: what each input may cost.
            settings: the same for the other arguments that PaddleX's ``predict`` has here, such as ``text_det_thresh``.

        Raises:
            TypeError: it is none of these, or there is no such argument.
            PlanError: the plan has another value; the message says where to write it.
            RunnerError: the pipeline is closed, or was loaded before this process was forked.
        """
        argument_checks.instance("limits", limits, Limits, LIMITS)
        given = settings if batch_size is None else {arguments.BATCH_SIZE: batch_size, **settings}
        arguments.check(self.plan, self._graph, self.module, given)
        outputs = cache(partial(self._outputs, input))
        return map(partial(self._reporter.result, outputs), self.items(input, limits))

    def result(self, item: Item[Input], inputs: Any) -> Result:
        """Return the result of an item that went through; ``inputs`` are what it was read from, and others with it."""
        return self._reporter.result(cache(partial(self._outputs, inputs)), item)

    def items(self, input: Any, limits: Limits = DEFAULT) -> Iterator[Item[Input]]:
        """Run the plan on pictures, as ``predict`` does, and yield everything that its stages made of each."""
        self.check_usable()
        is_one = values.is_single(input) or (isinstance(input, Sequence) and len(input) == 1)
        # Of what has no known end, nobody knows when the next comes.
        max_wait = None if is_one or isinstance(input, Sequence) else MAX_WAIT
        return self._items(self.read(input, limits), is_one, max_wait)

    def read(self, input: Any, limits: Limits = DEFAULT, owner: Any = None) -> Iterator[Item[Input]]:
        """Decode inputs one after the other, as ``predict`` takes them; ``owner`` is whose they are."""
        return items(read(values.each(input, self.medium), limits, self.medium), self._measure, owner)

    def varied(self, graph: Graph, settings: Mapping[str, Mapping[str, Any]]) -> Variant:
        """Return this pipeline with other settings, over the same engines; this one must outlive it.

        Args:
            graph: to run instead; its modules are among this pipeline's.
            settings: of every module in it, by address.

        Raises:
            PlanError, EngineError: a task does not take its settings.
        """
        return Variant(self._parts, graph, settings, Reporter(self.plan, graph, lambda: self.fallbacks))

    def run_model(self, address: str, arrays: Arrays) -> Arrays:
        """Run the model of a module once, as soon as it has a free stream.

        Args:
            address: of the module.
            arrays: an array for each input of the model, by its own names.

        Raises:
            EngineError: an array is missing, unknown, or of another dtype or shape.
        """
        return self._parts.loaded[address].runner.run_model(arrays)

    def put(self, group: Group) -> None:
        """Send decoded inputs on their way, together; this waits for room, and not for their results.

        Raises:
            EngineError: the system starts no more threads.
        """
        self._executor.put(group)

    def _items(self, items: Iterator[Item[Input]], is_one: bool, max_wait: float | None) -> Iterator[Item[Input]]:
        # Again, for this runs when the first result is asked for.
        self.check_usable()
        if is_one:
            # A file may hold several pages.
            ahead = list(islice(items, 2))
            if len(ahead) == 1:
                yield execute_one(ahead[0], self._alone)
                return
            items = chain(ahead, items)
        yield from stream(self._executor, items, self.group_size, max_wait)

    @staticmethod
    def concatenate_markdown_pages(markdown_list: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return the Markdown of a document, as PaddleX does: a paragraph that goes on over pages is one.

        Args:
            markdown_list: the ``markdown`` of the result of each page, in order; that of a page without one, which is
                empty, says nothing.

        Returns:
            It as ``markdown_texts``.

        Raises:
            TypeError: something is no ``markdown`` of a result.
        """
        from hpi_runtime.documents.markdown import joined

        for place, page in enumerate(markdown_list):
            if not isinstance(page, Mapping) or (page and not page.keys() >= {*_PAGE}):
                raise TypeError(f"markdown_list[{place}] must be the `markdown` of a result, not {type(page).__name__}")
        return {"markdown_texts": joined([(page[_TEXTS], page[_FLAGS]) for page in markdown_list if page])}

    @property
    def drawing(self) -> str:
        """What PaddleX calls the picture drawn of a result, such as ``ocr_res_img``."""
        return self._graph.drawing

    @property
    def fields(self) -> Mapping[str, Value]:
        """What each field of a result is; none where the result comes from an op that nobody here knows."""
        return self._reporter.fields

    def close(self) -> None:
        """Free every engine; calling it again does nothing. In a forked process there is nothing to free."""
        self._closed = True
        if os.getpid() == self._process:
            executor = getattr(self, "_executor", None)
            if executor is not None:
                executor.close()
            self._engines.close()

    def __enter__(self) -> NativePipeline:
        return self


def _graph(plan: LocatedPlan, module: str | None) -> Graph:
    if module is None:
        return plan.graph
    return of_one(module, plan.module(module).module_name)
