"""build_subgraphs: a Paddle model whose supported parts are TensorRT engines.

For the new IR, Paddle rewrites the program (``paddle.tensorrt.export``). A legacy program stays as it is; beside it
stand the range of every shape inside it and the serialised engines, under PaddleX's names
``shape_range_info.pbtxt`` and ``trt_serialized*``. Either way the result holds everything that the engine loads.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np
from hpi_schemas import model_inputs
from hpi_schemas.device import Device

from hpi_runtime.engines.paddle import feed, import_inference, shape_ranges, tensorrt_configuration
from hpi_runtime.prepare.steps import PADDLE, TENSORRT, Job

TOOLS = (PADDLE, TENSORRT)
HARDWARE = True
_PRECISIONS = {"trt_fp32": "FP32", "trt_fp16": "FP16", "trt_int8": "INT8"}
_MEMORY_POOL_MIB = 100

Sample = dict[str, np.ndarray[Any, Any]]


def run(job: Job) -> dict[str, Any]:
    """Build the engines.

    Returns:
        ``ir``: ``new`` or ``legacy``.

    Raises:
        RuntimeError: the plan lacks the shapes of an input, or sets what Paddle does not have.
    """
    if job.options["enable_new_ir"]:
        _build_new(job)
        return {"ir": "new"}
    _build_legacy(job)
    return {"ir": "legacy"}


def samples(job: Job) -> list[Sample]:
    """Return the least, the best and the greatest input of the plan's dynamic shapes.

    Values are those of ``trt_dynamic_shape_input_data``, else ones, as in PaddleX.

    Raises:
        RuntimeError: the plan has no shapes for an input.
    """
    header = model_inputs.read_header(job.files[0]).inputs
    shapes = job.options.get("trt_dynamic_shapes", {})
    values = job.options.get("trt_dynamic_shape_input_data", {})
    missing = sorted(set(header) - set(shapes))
    if missing:
        raise RuntimeError(f"the plan has no trt_dynamic_shapes for {', '.join(missing)}")
    return [
        {name: _sample(dtype, shapes[name][place], values.get(name), place) for name, (dtype, _) in header.items()}
        for place in range(3)
    ]


def _sample(dtype: str, shape: list[int], values: Any, place: int) -> np.ndarray[Any, Any]:
    if values is None:
        return np.ones(shape, dtype)
    if len(values[place]) != math.prod(shape):
        raise RuntimeError(f"trt_dynamic_shape_input_data has {len(values[place])} values for the shape {shape}")
    return np.array(values[place], dtype).reshape(shape)


def _build_new(job: Job) -> None:
    _show_only(job.device)
    import_inference()
    # Only in Paddle's packages for GPUs.
    from paddle.tensorrt.export import Input, PrecisionMode, TensorRTConfig, convert

    least, best, greatest = samples(job)
    config = TensorRTConfig(inputs=[Input((least[name], best[name], greatest[name])) for name in least])
    config.precision_mode = getattr(PrecisionMode, _PRECISIONS[job.options["run_mode"]])
    for name, value in job.options["trt_cfg_setting"].items():
        if not hasattr(config, name):
            raise RuntimeError(f"trt_cfg_setting: Paddle's TensorRTConfig has no {name}")
        setattr(config, name, value)
    config.save_model_dir = str(job.out.with_suffix(""))
    convert(str(job.files[0].with_suffix("")), config)


def _show_only(device: Device) -> None:
    """Show CUDA one GPU alone, before it starts: Paddle's converter always takes the first."""
    number = device.number
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = str(number) if shown is None else shown.split(",")[number]


def _build_legacy(job: Job) -> None:
    inference = import_inference()
    folder = job.out.parent
    for file in job.files:
        shutil.copyfile(file, folder / file.name)
    if _collects(job.options):
        config = _configuration(inference, job)
        config.collect_shape_range_info(str(folder / shape_ranges(job.options)))
        _run_all(inference, config, samples(job))
    config = _configuration(inference, job)
    tensorrt_configuration(config, inference, job.options, folder)
    # Engines are built and serialised by the first run of a shape.
    _run_all(inference, config, samples(job) if job.options["trt_use_dynamic_shapes"] else ())


def _collects(options: dict[str, Any]) -> bool:
    return bool(options["trt_use_dynamic_shapes"] and options["trt_collect_shape_range_info"])


def _configuration(inference: Any, job: Job) -> Any:
    folder = job.out.parent
    config = inference.Config(*(str(folder / file.name) for file in job.files))
    config.enable_use_gpu(_MEMORY_POOL_MIB, job.device.number)
    config.enable_new_ir(False)
    return config


def _run_all(inference: Any, config: Any, inputs: Iterable[Sample]) -> None:
    predictor = inference.create_predictor(config)
    for sample in inputs:
        feed(predictor, sample)
        predictor.run()
