"""Paddle Inference: on the CPU with oneDNN or without, on a GPU alone or with TensorRT subgraphs, on an Ascend NPU."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas import model_inputs, probe
from hpi_schemas.device import CPU

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.engines.native import signals
from hpi_runtime.errors import EngineError

_OPTIMIZATION_LEVEL = 3
# Reserved at first; the pool grows. PaddleX's value.
_GPU_POOL_MIB = 100
_HALF = "paddle_fp16"
# What PaddleX passes to `enable_tensorrt_engine` for a legacy program.
_TENSORRT_DEFAULTS = {
    "max_batch_size": 32,
    "min_subgraph_size": 3,
    "use_calib_mode": False,
    "use_static": True,
    "workspace_size": 1 << 30,
}
_TENSORRT_PRECISIONS = {"trt_fp32": "Float32", "trt_fp16": "Half", "trt_int8": "Int8"}


class PaddleEngine(Engine):
    """One predictor with an owner thread: predictors are not thread-safe."""

    name = "paddle"
    distributions = ("paddlepaddle", "paddlepaddle-gpu")
    extra = "paddle"
    thread_bound = True

    def _load(self) -> None:
        if self.device.kind == "gpu":
            # NVIDIA's libraries read it when they start; Paddle has no switch of its own.
            os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
        inference = import_inference()
        configuration = self._configuration(inference)
        self._real = self._found(configuration)
        self._predictor: Any = inference.create_predictor(configuration)
        # The predictor tells no shapes before its first run; the program file does.
        header = model_inputs.read_header(self.folder / self.files[0])
        self.inputs = tuple(_tensor(name, header.inputs) for name in self._predictor.get_input_names())
        self.outputs = tuple(self._predictor.get_output_names())
        self.told = tuple(_tensor(name, header.outputs) for name in self.outputs if name in header.outputs)

    def _configuration(self, inference: Any) -> Any:
        """Set every switch; none is left to Paddle's defaults, which differ between releases."""
        weights = next(name for name in self.files if name.endswith(".pdiparams"))
        config = inference.Config(str(self.folder / self.files[0]), str(self.folder / weights))
        kind = self.device.kind
        run_mode = str(self.config["run_mode"])
        if kind == "cpu":
            self._on_cpu(config, run_mode)
        elif kind == "gpu":
            self._on_gpu(config, inference, run_mode)
        elif run_mode == "paddle":
            config.enable_custom_device("npu", self._device_number)
        else:
            raise EngineError(f"paddle: the run mode {run_mode} does not run on {self.device}")
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

    def _on_cpu(self, config: Any, run_mode: str) -> None:
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(self.config["cpu_threads"])
        if run_mode.startswith("mkldnn"):
            config.enable_mkldnn()
            config.set_mkldnn_cache_capacity(self.config["mkldnn_cache_capacity"])
            if run_mode == "mkldnn_bf16":
                config.enable_mkldnn_bfloat16()
        elif run_mode == "paddle":
            config.disable_mkldnn()
        else:
            raise EngineError(f"paddle: the run mode {run_mode} does not run on a CPU")

    def _on_gpu(self, config: Any, inference: Any, run_mode: str) -> None:
        config.disable_mkldnn()
        # Inputs and outputs stay fp32 whatever runs inside.
        config.exp_disable_mixed_precision_ops({"feed", "fetch"})
        precision = inference.PrecisionType.Half if run_mode == _HALF else inference.PrecisionType.Float32
        config.enable_use_gpu(_GPU_POOL_MIB, self._device_number, precision)
        if run_mode.startswith("trt") and not self.config["enable_new_ir"]:
            tensorrt_configuration(config, inference, self.config, self.folder)

    def _found(self, config: Any) -> dict[str, Any]:
        """Return what the configuration says after everything was set; Paddle drops what its build cannot do."""
        planned = str(self.config["run_mode"])
        found: dict[str, Any] = {"device": "cpu", "run_mode": "paddle"}
        if self.device.kind == "gpu" and not config.use_gpu():
            raise self._refuse("device", str(self.device), "cpu", "this build of Paddle has no CUDA; see hpi-doctor")
        if config.use_gpu():
            found["device"] = f"gpu:{config.gpu_device_id()}"
            # The new IR has the engines inside its program.
            with_tensorrt = config.tensorrt_engine_enabled() or bool(self.config["enable_new_ir"])
            if planned == _HALF or (planned.startswith("trt") and with_tensorrt):
                found["run_mode"] = planned
        elif self.device == CPU:
            found["cpu_threads"] = config.cpu_math_library_num_threads()
            if config.mkldnn_enabled():
                # Without AVX-512 Paddle leaves bf16 out and tells nobody (AnalysisConfig::EnableMkldnnBfloat16).
                has_bf16 = planned == "mkldnn_bf16" and "avx512f" in probe.cpu_features()
                found["run_mode"] = "mkldnn_bf16" if has_bf16 else "mkldnn"
        else:
            found["device"] = str(self.device)
        return found

    def _run(self, arrays: Arrays) -> Arrays:
        feed(self._predictor, arrays)
        self._predictor.run()
        return {name: self._predictor.get_output_handle(name).copy_to_cpu() for name in self.outputs}

    def _cause(self, option: str) -> str:
        if self.config["run_mode"] == "mkldnn_bf16" and option == "run_mode":
            return "this processor has no AVX-512, which bf16 needs; write run_mode: mkldnn"
        return ""

    def _close(self) -> None:
        self._predictor = None

    def actual(self) -> dict[str, Any]:
        """Return the device, the run mode and the threads that Paddle's configuration had in the end."""
        return self._real


def _tensor(name: str, header: Mapping[str, tuple[str, Any]]) -> Tensor:
    dtype, dims = header[name]
    return Tensor(name, np.dtype(dtype), tuple(dim if isinstance(dim, int) else None for dim in dims))


def feed(predictor: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Hand a predictor the arrays of its next run, by the names of its inputs."""
    for name, array in arrays.items():
        handle = predictor.get_input_handle(name)
        handle.reshape(array.shape)
        handle.copy_from_cpu(array)


def tensorrt_configuration(config: Any, inference: Any, options: Mapping[str, Any], folder: Path) -> None:
    """Switch TensorRT subgraphs on for a legacy program.

    Args:
        config: a ``paddle.inference.Config`` on a GPU.
        inference: ``paddle.inference``.
        options: the plan's ``engine.config``.
        folder: holds the ranges of shapes and the serialised engines, or takes them.

    Raises:
        EngineError: ``trt_cfg_setting`` names what is no setting of TensorRT.
    """
    config.set_optim_cache_dir(str(folder))
    given = dict(options["trt_cfg_setting"])
    engine = {**_TENSORRT_DEFAULTS, **given.pop("enable_tensorrt_engine", {})}
    precision = getattr(inference.PrecisionType, _TENSORRT_PRECISIONS[options["run_mode"]])
    config.enable_tensorrt_engine(**{**engine, "precision_mode": precision})
    for name, arguments in given.items():
        if "tensorrt" not in name or not hasattr(config, name):
            raise EngineError(f"trt_cfg_setting: Paddle's configuration has no setting {name} of TensorRT")
        if isinstance(arguments, list):
            getattr(config, name)(*arguments)
        else:
            getattr(config, name)(**arguments)
    if not options["trt_use_dynamic_shapes"]:
        return
    if options["trt_collect_shape_range_info"]:
        may_rebuild = options["trt_allow_rebuild_at_runtime"]
        config.enable_tuned_tensorrt_dynamic_shape(str(folder / shape_ranges(options)), may_rebuild)
        return
    shapes = options.get("trt_dynamic_shapes", {})
    least, best, greatest = ({name: item[place] for name, item in shapes.items()} for place in range(3))
    config.set_trt_dynamic_shape_info(least, greatest, best)


def shape_ranges(options: Mapping[str, Any]) -> str:
    """Return the name of the file that keeps the ranges of the shapes inside a model; by default PaddleX's."""
    return str(options.get("trt_shape_range_info_path", "shape_range_info.pbtxt"))


def import_inference() -> Any:
    """Import ``paddle.inference`` without its remarks on compilers, and without its signal handlers."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    with warnings.catch_warnings(), signals.kept():
        warnings.simplefilter("ignore")
        from paddle import inference
    return inference


ENGINE = PaddleEngine
