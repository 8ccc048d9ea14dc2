"""A plan, hosted: PaddleX's own pipeline, or one of its modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hpi_runtime.errors import PlanError, PreflightError, RunnerError
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.runner import Observer, Timer
from hpi_schemas.device import Device

from hpi_paddlex import answers, guard
from hpi_paddlex.answers import Answer
from hpi_paddlex.configuration import configuration, with_numbers, with_secrets
from hpi_paddlex.host import Hosted
from hpi_paddlex.inputs import Local


class HostedPipeline(Hosted):
    """A whole pipeline, which PaddleX creates and runs."""

    def __init__(
        self,
        plan: LocatedPlan,
        strict: bool = False,
        secrets: Mapping[str, str] = MappingProxyType({}),
        observe: Observer | None = None,
        measure: Timer | None = None,
    ) -> None:
        """Check this machine, import PaddleX, and let it create the pipeline.

        Args:
            plan: that has a host.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            secrets: credentials of services, by the dotted path of their key in the configuration.
            observe, measure: as for ``Hosted``.

        Raises:
            RunnerError: as for ``Hosted``.
        """
        if not plan.modules:
            raise PlanError("the plan has a host and no module: plan again")
        super().__init__(plan, None, strict, secrets, observe, measure)

    def _create(self, paddlex: Any, folders: Mapping[str, Path]) -> Any:
        from hpi_paddlex import paddlex_engine

        config = configuration(self.plan, folders, paddlex_engine.NAME, {paddlex_engine.HOST: self._name})
        with_secrets(config, self._secrets, self.plan.plan.external)
        device = _device(next(iter(self.plan.modules.values())).device, self.plan.plan.replicas)

        def create() -> Any:
            if not answers.asks(self._kind):
                return paddlex.create_pipeline(config=config, device=device)
            # What asks is created when somebody wants to know something: without keys, it reads.
            pipeline = paddlex.create_pipeline(config=config, device=device, initial_predictor=False)
            pipeline.inintial_visual_predictor(config)
            return pipeline

        return _created(create)

    @property
    def _kind(self) -> str:
        return str(self.plan.plan.pipeline.name)

    def _check(self, settings: Mapping[str, Any]) -> None:
        plan = self.plan.plan
        assert plan.host is not None
        answers.check_settings(plan.host.pipeline, settings, self._secrets, plan.external)
        answers.check_arguments(self.own, self._kind, settings)

    def _predict(self, item: Local, settings: Mapping[str, Any]) -> Iterator[Answer]:
        return answers.answers(self.own, self._kind, item, settings)


class HostedModule(Hosted):
    """One module alone, of a task that hpi-run itself does not know."""

    def __init__(
        self,
        plan: LocatedPlan,
        address: str,
        strict: bool = False,
        observe: Observer | None = None,
        measure: Timer | None = None,
    ) -> None:
        """Check this machine, import PaddleX, and let it create the module.

        Args:
            plan: that has a host.
            address: of the module.
            strict: refuse other versions of the backends than the plan's, other threads, and fallbacks.
            observe, measure: as for ``Hosted``.

        Raises:
            RunnerError: as for ``Hosted``.
        """
        plan.module(address)
        super().__init__(plan, address, strict, observe=observe, measure=measure)

    def _create(self, paddlex: Any, folders: Mapping[str, Path]) -> Any:
        from hpi_paddlex import paddlex_engine

        address = str(self.module)
        record = self.plan.modules[address]
        settings = {key: value for key, value in with_numbers(dict(record.settings)).items() if value is not None}
        return _created(
            lambda: paddlex.create_predictor(
                record.model.name,
                model_dir=str(folders[address]),
                device=str(record.device),
                engine=paddlex_engine.NAME,
                engine_config={paddlex_engine.HOST: self._name, paddlex_engine.ADDRESS: address},
                batch_size=record.batch_size,
                **settings,
            )
        )

    def _predict(self, item: Local, settings: Mapping[str, Any]) -> Iterator[Answer]:
        return map(Answer, self.own(item, **settings))


def _created(create: Callable[[], Any]) -> Any:
    """Let PaddleX create something.

    Raises:
        RunnerError: our part of it failed.
        PreflightError: PaddleX lacks packages that are needed.
        PlanError: PaddleX's part failed.
    """
    try:
        return create()
    except RunnerError:
        raise
    except Exception as fault:
        message = guard.without_secrets(f"PaddleX cannot create it: {type(fault).__name__}: {fault}")
        # PaddleX looks for the packages that it needs, and says how to install them.
        raise (PreflightError if type(fault).__name__ == "DependencyError" else PlanError)(message) from fault


def _device(device: Device, numbers: Sequence[int]) -> str:
    """Return a device as PaddleX names it: several numbers make a copy of the pipeline on each."""
    return f"{device.kind}:{','.join(map(str, numbers))}" if numbers else str(device)
