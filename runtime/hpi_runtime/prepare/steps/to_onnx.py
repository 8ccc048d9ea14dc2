"""to_onnx: a Paddle model as ONNX, by paddle2onnx, checked by ONNX and against Paddle itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.device import CPU

from hpi_runtime import engines
from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError
from hpi_runtime.prepare import onnx_repairs
from hpi_runtime.prepare.steps import PADDLE, Job, Tool

TOOLS = (Tool(("paddle2onnx",), "convert"), PADDLE, Tool(("onnx",), "convert"))
HARDWARE = False

# Sizes for dimensions that the model leaves free; the first that Paddle itself can run counts.
_SIZES = (64, 224, 320, 640)
# Of the greatest value of an output. Conversions that work differ by 1e-5 and less, wrong ones by all of it.
_TOLERANCE = 1e-3
_NOISE = 1e-5
_REFERENCE = {
    "cpu_threads": 1,
    "delete_pass": [],
    "enable_cinn": False,
    "mkldnn_cache_capacity": 10,
    "precision": "fp32",
    "run_mode": "paddle",
}
_RUNNERS: dict[str, dict[str, Any]] = {
    "onnxruntime": {
        "cpu_num_threads": 1,
        "graph_optimization": "basic",
        "memory_pattern": False,
        "precision": "fp32",
        "provider_options": {},
    },
    "openvino": {"cpu_num_threads": 1, "device_name": "CPU", "num_streams": 1, "precision": "fp32"},
}


def run(job: Job) -> dict[str, Any]:
    """Convert a model and compare what it answers.

    Returns:
        ``opset``; ``repairs``, what of the result was put right; ``difference``, the greatest between any outputs, as a
        fraction of the greatest value of that output; ``shapes`` of the inputs compared; or ``warning``, if Paddle ran
        none of the sizes tried.

    Raises:
        RuntimeError: ONNX finds the result invalid, or its answers are not Paddle's.
    """
    import onnx
    import paddle2onnx

    program, weights = job.files
    paddle2onnx.export(
        str(program),
        str(weights),
        str(job.out),
        opset_version=job.options["opset"],
        auto_upgrade_opset=True,
        enable_onnx_checker=True,
        # Any other value would pip-install a package at run time.
        optimize_tool="None",
    )
    model = onnx.load(str(job.out))
    repairs = onnx_repairs.repair(model)
    if repairs:
        onnx.save(model, str(job.out))
    onnx.checker.check_model(str(job.out), full_check=True)
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    return {"opset": opset, **({"repairs": repairs} if repairs else {}), **_compared(job)}


def _compared(job: Job) -> dict[str, Any]:
    program, weights = job.files
    config = {**_REFERENCE, "enable_new_ir": program.suffix == ".json"}
    with _engine("paddle", program.parent, (program.name, weights.name), config) as paddle:
        arrays, expected = _answered(paddle)
    if not expected:
        sizes = ", ".join(map(str, _SIZES))
        return {"warning": f"the converted model was not compared with Paddle, which ran none of the sizes {sizes}"}
    difference = _worst(expected, _onnx_answers(job.out, arrays))
    return {"difference": difference, "shapes": {name: list(array.shape) for name, array in arrays.items()}}


def _answered(paddle: Engine) -> tuple[Arrays, list[np.ndarray[Any, Any]]]:
    for size in _SIZES:
        arrays = {tensor.name: _array(tensor, size, seed) for seed, tensor in enumerate(paddle.inputs)}
        try:
            return arrays, list(paddle.run(arrays).values())
        except EngineError:
            raise
        except Exception as fault:
            print(f"Paddle does not run a size of {size}: {str(fault).strip().splitlines()[-1]}")  # noqa: T201 (the log)
    return {}, []


def _array(tensor: Tensor, size: int, seed: int) -> np.ndarray[Any, Any]:
    shape = tuple(1 if axis == 0 else size if given is None else given for axis, given in enumerate(tensor.shape))
    # The two inputs of PaddleDetection that are no pictures.
    if tensor.name == "im_shape":
        return np.full(shape, size, tensor.dtype)
    if tensor.name == "scale_factor":
        return np.ones(shape, tensor.dtype)
    random = np.random.default_rng(seed)
    if tensor.dtype.kind == "f":
        return random.standard_normal(shape).astype(tensor.dtype)
    return random.integers(0, 2, shape).astype(tensor.dtype)


def _onnx_answers(model: Path, arrays: Arrays) -> list[np.ndarray[Any, Any]]:
    for name, config in _RUNNERS.items():
        try:
            with _engine(name, model.parent, (model.name,), config) as engine:
                return list(engine.run(arrays).values())
        except EngineError as fault:
            if not isinstance(fault.__cause__, ImportError):
                raise
    raise RuntimeError(f"none of {', '.join(_RUNNERS)} is installed to check the converted model with")


def _engine(name: str, folder: Path, files: tuple[str, ...], config: dict[str, Any]) -> Engine:
    kind = engines.find(name)
    assert kind is not None
    return kind(folder, files, config, CPU)


def _worst(expected: list[np.ndarray[Any, Any]], found: list[np.ndarray[Any, Any]]) -> float:
    """Return the greatest difference, as a fraction of the greatest value of its output."""
    if [one.shape for one in expected] != [one.shape for one in found]:
        shapes = [one.shape for one in expected], [one.shape for one in found]
        raise RuntimeError(f"the converted model gives outputs of the shapes {shapes[1]}, Paddle {shapes[0]}")
    differences = [0.0]
    for one, other in zip(expected, found, strict=True):
        if not one.size:
            continue
        wanted = one.astype(np.float64)
        scale = max(float(np.abs(wanted).max()), _NOISE / _TOLERANCE)
        differences.append(float(np.abs(wanted - other.astype(np.float64)).max()) / scale)
    # numpy's max keeps a NaN, and the comparison refuses it.
    worst = float(np.max(differences))
    if not worst <= _TOLERANCE:
        raise RuntimeError(f"the converted model's answers differ from Paddle's by {worst:.2g} of their greatest value")
    return worst
