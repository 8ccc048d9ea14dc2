"""The plans that are served: loaded before they are ready, and exchanged without losing a request."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hpi_runtime import loader
from hpi_runtime.errors import PlanError
from hpi_runtime.run import plan as plans
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.reporting import IMAGE

from hpi_serve.metrics import Metrics
from hpi_serve.options import Options
from hpi_serve.serving import Serving
from hpi_serve.shadow import Shadow
from hpi_serve.tracing import Tracing

LOG = logging.getLogger("hpi_serve")


class Catalog:
    """Knows what is served, in order: the first is asked where a request names none.

    Attributes:
        fault: why nothing is served and nothing will be, None while that is open.
    """

    def __init__(self, paths: Sequence[Path], options: Options, metrics: Metrics, tracing: Tracing) -> None:
        """Take the plans to serve, and who is told what is done; nothing is read yet."""
        self.paths = paths
        self.fault: Exception | None = None
        self._options = options
        self._metrics = metrics
        self._tracing = tracing
        self._served: dict[str, _Shared] = {}
        self._loading = asyncio.Lock()
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered."""
        return bool(self._served)

    @property
    def all(self) -> list[Serving]:
        """What is served, in order."""
        return [shared.serving for shared in self._served.values()]

    @contextmanager
    def using(self, name: str | None) -> Iterator[Serving | None]:
        """Hold a plan by its name, or the first one, so that it is not let go meanwhile; None where there is none."""
        shared = next(iter(self._served.values()), None) if name is None else self._served.get(name)
        if shared is None:
            yield None
            return
        shared.take()
        try:
            yield shared.serving
        finally:
            shared.give()

    async def load(self) -> None:
        """Load all plans, and serve them from then on instead of those before; if one is bad, those stay.

        Raises:
            PlanError, PreflightError, PrepareError, EngineError: one is bad.
        """
        # One after the other: of two that are asked for, the later one counts.
        async with self._loading:
            found: dict[str, Serving] = {}
            try:
                # In a thread: models that are not here are fetched from a depot.
                for name, plan in (await asyncio.to_thread(read, self.paths, self._options)).items():
                    found[name] = await asyncio.to_thread(self._open, name, plan, not found)
            except BaseException:
                for serving in found.values():
                    await asyncio.to_thread(serving.close)
                raise
            before = self._exchange(found)
        for shared in before:
            await asyncio.to_thread(shared.let_go)

    def _exchange(self, found: Mapping[str, Serving]) -> list[_Shared]:
        """Serve others from now on, and return what was served before."""
        if self._is_closed:
            return [_Shared(serving) for serving in found.values()]
        before, self._served = self._served, {name: _Shared(serving) for name, serving in found.items()}
        for shared in before.values():
            self._tell(shared.serving, self._metrics.dropped)
        for serving in found.values():
            self._tell(serving, self._metrics.serves)
            LOG.info("serves %s as %s: %s", serving.pipeline.plan.path, serving.name, serving.digest)
        return list(before.values())

    async def close(self) -> None:
        """Serve nothing any more, and free everything."""
        self._is_closed = True
        before, self._served = self._served, {}
        for shared in before.values():
            await asyncio.to_thread(shared.let_go)

    def _open(self, name: str, plan: LocatedPlan, is_first: bool) -> Serving:
        count = self._metrics.timer(name)

        def measure(stage: str, step: str, seconds: float, owners: Sequence[Any]) -> None:
            count(stage, step, seconds)
            self._tracing.step(stage, step, seconds, owners)

        observe = self._metrics.observer(name)
        pipeline = loader.pipeline(plan, None, self._options.strict, {}, observe, measure, keep=(IMAGE,))
        assert isinstance(pipeline, NativePipeline)
        for line in pipeline.warnings:
            LOG.warning("%s: %s", name, line)
        try:
            shadow = self._shadow(plan) if is_first else None
        except BaseException:
            pipeline.close()
            raise
        return Serving(name, pipeline, self._options, shadow)

    def _shadow(self, first: LocatedPlan) -> Shadow | None:
        if self._options.shadow is None:
            return None
        plan = _shadow_plan(first, self._options)
        pipeline = loader.pipeline(plan, None, self._options.strict)
        assert isinstance(pipeline, NativePipeline)
        LOG.info("in its shadow: %s: %s", plan.path, plan.digest)
        return Shadow(pipeline, self._options.shadow_share, self._metrics)

    @staticmethod
    def _tell(serving: Serving, say: Callable[[str, str, str, dict[str, str]], None]) -> None:
        pipeline = serving.pipeline
        say(serving.name, serving.digest, pipeline.plan.plan.pipeline.name or "", dict(pipeline.fallbacks))


class _Shared:
    """A plan that is served, and how many requests use it."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self._users = 0
        self._changed = threading.Condition()

    def take(self) -> None:
        with self._changed:
            self._users += 1

    def give(self) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def let_go(self) -> None:
        """Wait for the last user, and free it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._users)
        self.serving.close()


def read(paths: Sequence[Path], options: Options) -> dict[str, LocatedPlan]:
    """Read plans, by what each is called: its file's name, without what plans end with.

    Raises:
        PlanError: one is no plan that can be served, or two are called the same, or the shadow is of something else.
    """
    found: dict[str, LocatedPlan] = {}
    for path in paths:
        name = path.name.partition(".")[0] or path.name
        if name in found:
            raise PlanError(f"{path}: another plan is called `{name}` too; rename one of the files")
        found[name] = _read(path, options)
    if options.shadow is not None:
        _shadow_plan(next(iter(found.values())), options)
    return found


def _read(path: Path, options: Options) -> LocatedPlan:
    plan = plans.load(path, options.root, options.models)
    if plan.plan.host is not None:
        told = "HPI_PLAN=PLAN python -m hpi_paddlex paddlex --serve --pipeline YAML --use_hpip"
        raise PlanError(f"{path}: PaddleX {plan.plan.host.version} runs this plan, and its server too: {told}")
    plan.graph  # noqa: B018 (raises where there is none)
    return plan


def _shadow_plan(first: LocatedPlan, options: Options) -> LocatedPlan:
    assert options.shadow is not None
    plan = _read(options.shadow, options)
    if plan.plan.pipeline.name != first.plan.pipeline.name:
        told = f"{options.shadow} is of `{plan.plan.pipeline.name}`, and the first plan of `{first.plan.pipeline.name}`"
        raise PlanError(f"--shadow: {told}: their results cannot be compared")
    return plan
