"""Our engine among PaddleX's: by its own registries, without changing any of its code.

Importing this imports PaddleX; ``guard.load`` comes first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import PlanError
from hpi_runtime.run.runner import INFERENCE, Observer, Timer
from paddlex.inference.models.bindings import get_binding
from paddlex.inference.models.bindings.registry import register_predictor_binding_map, try_get_supported_engines
from paddlex.inference.models.engines import RunnerEngine
from paddlex.inference.models.predictors import RunnerPredictor
from paddlex.inference.models.runners import InferenceRunner

from hpi_paddlex import features

NAME = "hpi_plan"
# PaddleX's engines whose predictors hand arrays to a runner.
_STATIC = ("paddle_static", "hpi", "onnxruntime")
# What a configuration says of the runner that it is to have.
HOST, ADDRESS = "host", "address"

Ask = Callable[[str, str], "PlanRunner"]
# Whoever makes runners, by the name that its configuration gives. PaddleX carries only plain values.
_ASKED: dict[str, Ask] = {}


class PlanRunner(InferenceRunner):  # type: ignore[misc]
    """What PaddleX calls a runner: arrays in, in the order of the model's sorted input names; a list of arrays out.

    Attributes:
        address: of the module.
        runs: how often the model ran.
    """

    def __init__(
        self,
        address: str,
        engine: Engine,
        is_owner: bool = False,
        observe: Observer | None = None,
        measure: Timer | None = None,
    ) -> None:
        """Take the engine of a module.

        Args:
            address: of the module.
            engine: loaded.
            is_owner: free the engine when PaddleX closes the runner.
            observe: is told the address, the inputs and the outputs of every run.
            measure: is told how long each took.
        """
        self.address = address
        self._observe = observe
        self._measure = measure
        self.runs = 0
        self._engine = engine
        self._is_owner = is_owner
        self._inputs = sorted(engine.inputs, key=lambda tensor: tensor.name)

    def __call__(self, x: Any = None, **other: Any) -> list[np.ndarray[Any, Any]]:
        """Run the model.

        Args:
            x: an array, or one for each input.
            other: nothing, here.

        Raises:
            TypeError, ValueError: these are no inputs of a static model.
            EngineError: an array does not fit.
        """
        if x is None or other:
            raise TypeError(f"{self.address}: a static model takes `x`, not {sorted(other) or 'nothing'}")
        arrays = [x] if isinstance(x, np.ndarray) else list(x)
        if len(arrays) != len(self._inputs):
            names = ", ".join(tensor.name for tensor in self._inputs)
            raise ValueError(f"{self.address}: the model takes {names}, and PaddleX gives {len(arrays)} arrays")
        given = {tensor.name: _fitting(tensor.dtype, array) for tensor, array in zip(self._inputs, arrays, strict=True)}
        started = time.perf_counter()
        outputs = self._engine.run(given)
        self.runs += 1
        if self._measure is not None:
            self._measure(self.address, INFERENCE, time.perf_counter() - started, ())
        if self._observe is not None:
            self._observe(self.address, given, outputs)
        # PaddleX writes into some of them.
        return [np.require(outputs[name], requirements=("W", "O")) for name in self._engine.outputs]

    def close(self) -> None:
        """Free the engine, if it is the runner's own."""
        if self._is_owner:
            self._engine.close()


class PlanEngine(RunnerEngine):  # type: ignore[misc]
    """PaddleX's point of extension: a subclass is registered by its ``entities``."""

    entities = NAME

    @property
    def name(self) -> str:
        """The engine's."""
        return NAME

    def prepare_config_dict(
        self, raw: dict[str, Any], *, model_name: str | None = None, device: str | None = None
    ) -> dict[str, Any]:
        """Return the configuration with the device that PaddleX's own code looks at."""
        self._apply_device(raw, device)
        return raw

    def to_predictor_config(self, engine_config: dict[str, Any]) -> dict[str, Any]:
        """Return what predictors look at: the device."""
        return {key: engine_config[key] for key in ("device_type", "device_id") if key in engine_config}

    def build_runner(
        self,
        *,
        model_name: str,
        model_dir: Path | None,
        model_config: Mapping[str, Any] | None,
        engine_config: dict[str, Any],
        binding: Any = None,
    ) -> PlanRunner:
        """Return the runner of what was planned."""
        return _ASKED[engine_config[HOST]](engine_config[ADDRESS], model_name)

    def validate_runner(self, runner: Any) -> None:
        """Take any: it is ours."""


def listen(name: str, ask: Ask) -> None:
    """Make runners of a configuration from now on.

    Args:
        name: of the configuration.
        ask: returns the runner of a module, by its address and the name of its model.
    """
    _ASKED[name] = ask


def forget(name: str) -> None:
    """Make none any more."""
    _ASKED.pop(name, None)


def bind(model_name: str) -> None:
    """Let PaddleX's own predictor of a model take our engine.

    Raises:
        PlanError: PaddleX has no such model, or no predictor of it that runs on arrays.
    """
    engines = try_get_supported_engines(model_name)
    if engines is None:
        raise PlanError(f"PaddleX knows no model {model_name}: its pipelines take models by PaddleX's own names")
    if NAME in engines:
        return
    for name in _STATIC:
        predictor = get_binding(model_name, name).predictor if name in engines else None
        if predictor is not None and issubclass(predictor, RunnerPredictor):
            register_predictor_binding_map(features.of_each(predictor), {NAME: [model_name]})
            return
    raise PlanError(f"PaddleX has no predictor of {model_name} that runs on arrays; its engines: {', '.join(engines)}")


def _fitting(dtype: np.dtype[Any], array: Any) -> np.ndarray[Any, Any]:
    """Return an array of the dtype that the model takes; what would lose numbers is left to the engine to refuse."""
    found = np.asarray(array)
    return found.astype(dtype) if np.can_cast(found.dtype, dtype, "same_kind") else found
