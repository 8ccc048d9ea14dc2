"""What PaddleX runs of a plan, with the plan's engine in every model: checks, engines, inputs, and results."""

from __future__ import annotations

import itertools
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hpi_runtime import argument_checks
from hpi_runtime.errors import InputError, PlanError, RunnerError
from hpi_runtime.inputs import values
from hpi_runtime.inputs.limits import DEFAULT, LIMITS, Limits
from hpi_runtime.inputs.pdf import Documents
from hpi_runtime.results.failures import failed
from hpi_runtime.results.result import Result
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check
from hpi_runtime.run.runner import Observer, Timer

from hpi_paddlex import guard, model_folders, scenes
from hpi_paddlex.answers import Answer
from hpi_paddlex.engines import HostedEngines
from hpi_paddlex.inputs import Local, local
from hpi_paddlex.results import HostedResult

if TYPE_CHECKING:
    from hpi_paddlex.paddlex_engine import PlanRunner

_NUMBERS = itertools.count()


class Hosted(Pipeline):
    """What PaddleX runs; some engines are loaded at the first input, when PaddleX creates their modules.

    Attributes:
        own: PaddleX's pipeline or module, for what ``predict`` does not do.
        runners: what PaddleX runs models on, by module address; of several replicas, one each.
    """

    own: Any

    def __init__(
        self,
        plan: LocatedPlan,
        module: str | None,
        strict: bool,
        secrets: Mapping[str, str] = MappingProxyType({}),
        observe: Observer | None = None,
        measure: Timer | None = None,
    ) -> None:
        """Check this machine, import PaddleX, and let it create what runs.

        Args:
            plan: that has a host.
            module: the address of the one module that runs, None for the whole pipeline.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            secrets: credentials of services, by the dotted path of their key in the configuration.
            observe: is told the address, the inputs and the outputs of every run of an engine.
            measure: is told how long each took.

        Raises:
            PlanError: PaddleX does not create what the plan has.
            PreflightError: this machine does not satisfy the plan.
            PrepareError: a prepare step failed.
            EngineError: an engine cannot be loaded.
        """
        host = plan.plan.host
        if host is None:
            raise PlanError("this plan has no host: hpi-run itself runs it")
        self._secrets = secrets
        guard.hide(secrets.values())
        self._observe, self._measure = observe, measure
        self._reads_scenes = any(item.module_name == scenes.TASK for item in plan.modules.values())
        self._name = f"plan-{next(_NUMBERS)}"
        guard.check_version(host.version)
        guard.check_packages(plan.plan.pipeline.name)
        addresses = list(plan.modules) if module is None else [module]
        folders, warnings = check(plan, addresses, strict)
        for folder in sorted(set(folders.values())):
            model_folders.check(folder)
        self._engines = HostedEngines(plan, folders, strict)
        super().__init__(plan, module, self._engines, warnings)
        self.runners: dict[str, list[PlanRunner]] = {}
        try:
            paddlex = guard.load()
            from hpi_paddlex import paddlex_engine

            for address in addresses:
                paddlex_engine.bind(plan.modules[address].model.name)
            paddlex_engine.listen(self._name, self._runner)
            self.own = self._create(paddlex, folders)
            self._check_created(addresses)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _create(self, paddlex: Any, folders: Mapping[str, Path]) -> Any:
        """Let PaddleX create what runs; the folders are those of the models, by address."""

    @abstractmethod
    def _predict(self, item: Local, settings: Mapping[str, Any]) -> Iterator[Answer]:
        """Let PaddleX run an input."""

    def _check(self, settings: Mapping[str, Any]) -> None:
        """Look whether arguments can be taken.

        Raises:
            PlanError: they cannot.
        """

    @property
    def drawing(self) -> str:
        """PaddleX names its drawings itself."""
        return ""

    def predict(self, input: Any, *, limits: Limits = DEFAULT, **settings: Any) -> Iterator[Result]:
        """Run the plan on inputs one after the other, and return an iterator over PaddleX's results.

        Args:
            input: a path, a URL, an array in BGR order, or an iterable of such; the kinds of files are PaddleX's.
            limits: what a URL may cost.
            settings: arguments of PaddleX's own ``predict`` for this pipeline, such as ``prompt``.

        Raises:
            TypeError: it is none of these.
            PlanError: the pipeline is closed, or was loaded before this process was forked, or a service is asked
                whose key is missing.
        """
        argument_checks.instance("limits", limits, Limits, LIMITS)
        self.check_usable()
        self._check(settings)
        return self._results(
            values.each(input, self.medium),
            limits,
            settings,
            cache(partial(self._outputs, input)),
        )

    def _results(
        self, inputs: Iterable[Any], limits: Limits, settings: Mapping[str, Any], outputs: Any
    ) -> Iterator[Result]:
        with Documents(limits) as documents:
            for item in inputs:
                self.check_usable()
                path = item if isinstance(item, str) else None
                try:
                    with local(item, limits, documents, self._reads_scenes) as found:
                        # All of an input's at once: PaddleX holds a lock while it reads a document.
                        results = self._of_one(found, path, settings, outputs)
                except InputError as fault:
                    yield failed(path, None, fault, self.plan.digest, outputs)
                else:
                    yield from results

    def _of_one(self, item: Local, path: str | None, settings: Mapping[str, Any], outputs: Any) -> list[Result]:
        """Return the results of one input; whatever PaddleX raises is that input's error.

        Raises:
            RunnerError: an engine that PaddleX creates late cannot be loaded.
            InputError: what PaddleX raised, or that it gave nothing.
        """
        try:
            found = list(self._predict(item, settings))
        except RunnerError:
            raise
        except Exception as fault:
            told = f"PaddleX: {type(fault).__name__}: {fault}".rstrip(": ")
            raise InputError("PROCESSING_FAILED", guard.without_secrets(told)) from fault
        if not found:
            message = (
                f"PaddleX gives no result for {path or 'it'}: perhaps it is of a kind that the pipeline does not read"
            )
            raise InputError("PROCESSING_FAILED", message)
        results: list[Result] = [HostedResult(answer, path, self.plan.digest, outputs) for answer in found]
        for result in results if self.fallbacks else ():
            result["fallback"] = dict(self.fallbacks)
        return results

    def _runner(self, address: str, model_name: str) -> PlanRunner:
        """Return the runner that PaddleX asks for."""
        from hpi_paddlex.paddlex_engine import PlanRunner

        made = PlanRunner(
            address, self._engines.engine(address, model_name), observe=self._observe, measure=self._measure
        )
        self.runners.setdefault(address, []).append(made)
        return made

    def _check_created(self, addresses: Iterable[str]) -> None:
        """Compare what PaddleX created with the plan.

        Raises:
            PlanError: a module that it creates at once was not created.
        """
        planned = {address for address in addresses if self.module is not None or not self.plan.modules[address].lazy}
        missing = sorted(planned - set(self._engines.first))
        if missing:
            raise PlanError(f"PaddleX did not create {', '.join(missing)}, which the plan has: plan again")

    def close(self) -> None:
        """Free every engine; calling it again does nothing. In a forked process there is nothing to free."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() == self._process:
            from hpi_paddlex import paddlex_engine

            paddlex_engine.forget(self._name)
            self._engines.close()

    def __enter__(self) -> Hosted:
        return self
