"""Paddle Inference on the CPU, with oneDNN or without."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from hpi_schemas import model_inputs

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

_OPTIMIZATION_LEVEL = 3


class PaddleEngine(Engine):
    """One predictor with an owner thread: predictors are not thread-safe."""

    distributions = ("paddlepaddle", "paddlepaddle-gpu")
    extra = "paddle"
    thread_bound = True

    def _load(self) -> None:
        inference = _import()
        if self.device != "cpu":
            raise EngineError(f"the paddle engine does not run on {self.device} yet")
        configuration = self._configuration(inference)
        self._threads = configuration.cpu_math_library_num_threads()
        self._predictor: Any = inference.create_predictor(configuration)
        self.inputs = self._inputs()
        self.outputs = tuple(Tensor(name, np.dtype(np.float32), ()) for name in self._predictor.get_output_names())

    def _configuration(self, inference: Any) -> Any:
        """Set every switch; none is left to Paddle's defaults, which differ between releases."""
        paths = [str(self.folder / file) for file in self.files]
        config = inference.Config(*paths)
        config.disable_gpu()
        run_mode = self.config["run_mode"]
        if run_mode.startswith("mkldnn"):
            config.enable_mkldnn()
            config.set_mkldnn_cache_capacity(self.config["mkldnn_cache_capacity"])
            if run_mode == "mkldnn_bf16":
                config.enable_mkldnn_bfloat16()
        elif run_mode == "paddle":
            config.disable_mkldnn()
        else:
            raise EngineError(f"paddle: the run mode {run_mode} does not run on a CPU")
        if config.mkldnn_enabled() != run_mode.startswith("mkldnn"):
            raise self._refuse("run mode", run_mode, f"oneDNN {'on' if config.mkldnn_enabled() else 'off'}")
        config.set_cpu_math_library_num_threads(self.config["cpu_threads"])
        # A legacy program runs through the new IR too, by translation.
        config.enable_new_ir(self.config["enable_new_ir"])
        config.enable_new_executor()
        if self.config["enable_cinn"]:
            config.enable_cinn()
        config.set_optimization_level(_OPTIMIZATION_LEVEL)
        config.enable_memory_optim()
        for name in self.config["delete_pass"]:
            config.delete_pass(name)
        config.disable_glog_info()
        return config

    def _inputs(self) -> tuple[Tensor, ...]:
        # The predictor tells no shapes before its first run; the program file does.
        program = self.folder / self.files[0]
        header = (model_inputs.pir_header if program.suffix == ".json" else model_inputs.pdmodel_header)(program)
        return tuple(
            Tensor(name, np.dtype(header[name][0]), tuple(d if isinstance(d, int) else None for d in header[name][1]))
            for name in self._predictor.get_input_names()
        )

    def _run(self, arrays: Arrays) -> Arrays:
        for name, array in arrays.items():
            handle = self._predictor.get_input_handle(name)
            handle.reshape(array.shape)
            handle.copy_from_cpu(array)
        self._predictor.run()
        return {tensor.name: self._predictor.get_output_handle(tensor.name).copy_to_cpu() for tensor in self.outputs}

    def _close(self) -> None:
        self._predictor = None

    def actual(self) -> dict[str, Any]:
        """Return the run mode that was verified at load, and the threads."""
        return {"cpu_threads": self._threads, "device": self.device, "run_mode": self.config["run_mode"]}


def _import() -> Any:
    """Import Paddle without its remarks on compilers and interpreters."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from paddle import inference
    return inference


ENGINE = PaddleEngine
