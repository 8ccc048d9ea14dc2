"""paddle.inference on a machine with a GPU and TensorRT, imitated: it notes what it is told, and writes Paddle's files.

Settings are those of the real ``Config`` of the installed package; a name that it does not have raises.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from hpi_runtime.engines.paddle import import_inference


class FakeConfig:
    """A configuration; ``calls`` has what was set, in order."""

    def __init__(self, program: str, weights: str) -> None:
        assert Path(program).is_file()
        assert Path(weights).is_file()
        self.program = Path(program)
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if not hasattr(import_inference().Config, name):
            raise AttributeError(name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            if name == "gpu_device_id":
                return next(args[1] for said, args, _ in self.calls if said == "enable_use_gpu")
            enabled = {"use_gpu": True, "tensorrt_engine_enabled": self.set("enable_tensorrt_engine") is not None}
            return enabled.get(name)

        return call

    def set(self, name: str) -> Any:
        """Return the arguments that a setting was given last, None if it was not set."""
        found = [(arguments, named) for said, arguments, named in self.calls if said == name]
        return found[-1] if found else None


class FakePredictor:
    """A predictor of one input ``x``; its answer is its input."""

    def __init__(self, config: FakeConfig) -> None:
        self._config = config
        self._shape: tuple[int, ...] = ()
        self._value = np.zeros(0)

    def get_input_names(self) -> list[str]:
        return ["x"]

    def get_output_names(self) -> list[str]:
        return ["y"]

    def get_input_handle(self, name: str) -> Any:
        def keep(array: np.ndarray) -> None:
            assert array.shape == self._shape
            self._value = array

        return SimpleNamespace(reshape=lambda shape: setattr(self, "_shape", tuple(shape)), copy_from_cpu=keep)

    def get_output_handle(self, name: str) -> Any:
        return SimpleNamespace(copy_to_cpu=lambda: self._value.copy())

    def run(self) -> None:
        ranges, cache = self._config.set("collect_shape_range_info"), self._config.set("set_optim_cache_dir")
        if ranges is not None:
            with Path(ranges[0][0]).open("a") as stream:
                stream.write(f"{self._shape}\n")
        if cache is not None:
            (Path(cache[0][0]) / "trt_serialized_0123").write_text("engine")


def inference(made: list[FakeConfig]) -> SimpleNamespace:
    """Return a module ``paddle.inference`` that notes its configurations in ``made``."""

    def config(*files: str) -> FakeConfig:
        made.append(FakeConfig(*files))
        return made[-1]

    precision = import_inference().PrecisionType
    return SimpleNamespace(Config=config, PrecisionType=precision, create_predictor=FakePredictor)
