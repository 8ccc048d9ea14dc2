"""What every loaded plan can do, whoever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from hpi_runtime.engines.base import Engine
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.results.result import Result
from hpi_runtime.run.plan import LocatedPlan


class Pipeline(ABC):
    """A plan, loaded. Use it in a ``with`` statement, or call ``close``.

    Attributes:
        plan: that it executes.
        module: the address of the one module that runs, None for the whole pipeline.
    """

    plan: LocatedPlan
    module: str | None

    @property
    @abstractmethod
    def engines(self) -> Mapping[str, Engine]:
        """The loaded engines by module address; of several replicas, those of the first."""

    @property
    @abstractmethod
    def replicas(self) -> Mapping[int, Mapping[str, Engine]]:
        """The engines of the other replicas, by their device number."""

    @property
    @abstractmethod
    def fallbacks(self) -> Mapping[str, str]:
        """The backend in use by module address, where it is not the plan's first."""

    @property
    @abstractmethod
    def warnings(self) -> list[str]:
        """What does not keep the plan from running: other versions, fallbacks in use."""

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

    def actual(self) -> dict[str, Any]:
        """Return what every engine really runs, by module address."""
        return {address: engine.actual() for address, engine in self.engines.items()}

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
