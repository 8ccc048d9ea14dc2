"""Conversions as the product makes them, each in a process of its own, where converters may crash as they like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from hpi_runtime.prepare.steps import Job, to_onnx

Convert = Callable[[Job], Mapping[str, Any]]


def apart(convert: Convert, job: Job) -> Mapping[str, Any]:
    """Return what one of the functions below returns, or raise what it raises."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(convert, job).result()


def rightly(job: Job) -> Mapping[str, Any]:
    """Convert the model."""
    return to_onnx.run(job)


def to_another_model(job: Job) -> Mapping[str, Any]:
    """Convert it with a converter that changes weights."""
    import numpy as np
    import onnx
    import paddle2onnx

    real = paddle2onnx.export

    def other(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        model = onnx.load(arguments[2])
        for weight in (node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"):
            values = onnx.numpy_helper.to_array(weight)
            if values.dtype == np.float32 and values.ndim > 1:
                weight.CopyFrom(onnx.numpy_helper.from_array(values * 1.5, weight.name))
        onnx.save(model, arguments[2])

    paddle2onnx.export = other
    return to_onnx.run(job)


def without_a_comparison(job: Job) -> Mapping[str, Any]:
    """Convert it where Paddle cannot run it, as its own layers refuse a size."""
    from hpi_runtime.engines.paddle import PaddleEngine

    def refuses(engine: object, arrays: object) -> None:
        raise RuntimeError("a size that does not fit")

    PaddleEngine._run = refuses  # type: ignore[method-assign, assignment]
    return to_onnx.run(job)
