"""The runner: executes a plan and decides nothing.

``create_pipeline`` and ``create_model`` work as in PaddleX, ``load_plan`` runs what was reviewed. Names below are the
whole public surface; what is not in ``__all__`` may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpi_schemas.files import OutputError

    from hpi_runtime.api import (
        create_model,
        create_pipeline,
        load_plan,
        plan_model,
        plan_pipeline,
        read_plan,
    )
    from hpi_runtime.engines.base import Engine
    from hpi_runtime.errors import (
        BusyError,
        EngineError,
        InputError,
        PlanError,
        PreflightError,
        PrepareError,
        RunnerError,
    )
    from hpi_runtime.inputs.limits import Limits
    from hpi_runtime.results.result import Result
    from hpi_runtime.run.loading import open_engine
    from hpi_runtime.run.native import NativePipeline
    from hpi_runtime.run.pipeline import Pipeline
    from hpi_runtime.run.plan import LocatedPlan
    from hpi_runtime.run.record import Recorder
    from hpi_runtime.run.session import Session

    __version__: str

__all__ = [
    "BusyError",
    "Engine",
    "EngineError",
    "InputError",
    "Limits",
    "LocatedPlan",
    "NativePipeline",
    "OutputError",
    "Pipeline",
    "PlanError",
    "PreflightError",
    "PrepareError",
    "Recorder",
    "Result",
    "RunnerError",
    "Session",
    "__version__",
    "create_model",
    "create_pipeline",
    "load_plan",
    "open_engine",
    "plan_model",
    "plan_pipeline",
    "read_plan",
]

# Where each name is; imported when it is asked for, so that importing hpi_runtime alone stays light.
_PLACES = {
    "hpi_runtime.api": (
        "create_model",
        "create_pipeline",
        "load_plan",
        "plan_model",
        "plan_pipeline",
        "read_plan",
    ),
    "hpi_runtime.engines.base": ("Engine",),
    "hpi_runtime.errors": (
        "BusyError",
        "EngineError",
        "InputError",
        "PlanError",
        "PreflightError",
        "PrepareError",
        "RunnerError",
    ),
    "hpi_runtime.inputs.limits": ("Limits",),
    "hpi_runtime.results.result": ("Result",),
    "hpi_runtime.run.loading": ("open_engine",),
    "hpi_runtime.run.native": ("NativePipeline",),
    "hpi_runtime.run.pipeline": ("Pipeline",),
    "hpi_runtime.run.plan": ("LocatedPlan",),
    "hpi_runtime.run.record": ("Recorder",),
    "hpi_runtime.run.session": ("Session",),
    "hpi_schemas.files": ("OutputError",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("hpi-plan")
        place = next((place for place, names in _PLACES.items() if name in names), None)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(place), name)

    def __dir__() -> list[str]:
        return __all__
