"""What every loaded plan can do, whoever runs it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from hpi_schemas.files import Outputs

from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs import media, values
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.results.result import Result
from hpi_runtime.run.executor import forked
from hpi_runtime.run.owned import OwnedEngines
from hpi_runtime.run.plan import LocatedPlan


class Pipeline(ABC):
    """A plan, loaded. Use it in a ``with`` statement, or call ``close``.

    Attributes:
        plan: that it executes.
        module: the address of the one module that runs, None for the whole pipeline.
        medium: what its inputs are.
    """

    def __init__(self, plan: LocatedPlan, module: str | None, engines: OwnedEngines, warnings: Sequence[str]) -> None:
        """Begin with what whoever runs it has.

        Args:
            plan: to execute.
            module: the address of the one module that runs, None for the whole pipeline.
            engines: of the plan, loaded now or later.
            warnings: what the check of this machine found.
        """
        self.plan = plan
        self.module = module
        self._owned = engines
        self._warnings = warnings
        self._process = os.getpid()
        self._closed = False
        self.medium = media.of(plan.plan, module)

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The loaded engines by module address; of several replicas, those of the first."""
        return self._owned.first

    @property
    def replicas(self) -> Mapping[int, Mapping[str, Engine]]:
        """The engines of the other replicas, by their device number."""
        return self._owned.replicas

    @property
    def fallbacks(self) -> Mapping[str, str]:
        """The backend in use by module address, where it is not the plan's first."""
        return self._owned.fallbacks

    @property
    def warnings(self) -> list[str]:
        """What does not keep the plan from running: other versions, fallbacks in use."""
        return [*self._warnings, *self._owned.warnings]

    @property
    @abstractmethod
    def drawing(self) -> str:
        """What PaddleX calls the picture drawn of a result, such as ``ocr_res_img``; empty where it names several."""

    @abstractmethod
    def predict(self, input: Any, *, limits: Limits = DEFAULT, **settings: Any) -> Iterator[Result]:
        """Run the plan on inputs, and return an iterator over their results, in order.

        Args:
            input: a path, a folder, a URL, an array in BGR order (height × width × 3, uint8), or an iterable of such.
                Where hpi-run's own code runs the pipeline also bytes, a file open for reading bytes, and a picture of
                Pillow.
            limits: what each input may cost.
            settings: arguments that PaddleX's ``predict`` has for this pipeline, such as ``text_det_thresh``. Where
                hpi-run's own code runs it, the plan is frozen: a value that it has is taken, another one refused.

        Raises:
            TypeError: it is none of these, or there is no such argument.
            PlanError: the plan has another value, or the pipeline is closed, or was loaded before this process was
                forked.
        """

    @abstractmethod
    def close(self) -> None:
        """Free every engine; calling it again does nothing. In a forked process there is nothing to free."""

    def check_usable(self) -> None:
        """Look whether inputs can be taken.

        Raises:
            PlanError: the pipeline is closed, or was loaded before this process was forked.
        """
        if self._closed:
            raise PlanError("the pipeline is closed; load the plan again, or use it inside its `with` statement")
        if os.getpid() != self._process:
            # The threads of its engines are not in this process, and waiting for them would have no end.
            raise forked()

    def _outputs(self, inputs: Any) -> Outputs:
        """Return what results of these inputs may be written over: anything, as PaddleX does, but what is read."""
        return Outputs([*self.plan.files(), *values.paths(inputs, self.medium)], overwrite=True)

    def actual(self) -> dict[str, Any]:
        """Return what every engine really runs, by module address."""
        return {address: engine.actual() for address, engine in self.engines.items()}

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
