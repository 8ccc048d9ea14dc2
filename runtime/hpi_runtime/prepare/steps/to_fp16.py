"""to_fp16: an ONNX model whose weights and operators are fp16, and whose inputs and outputs stay what they are.

ONNX Runtime has no switch for fp16, and TensorRT has none from version 11 on: both run what the model says.
"""

from __future__ import annotations

import warnings
from typing import Any

from hpi_runtime.prepare.steps import Job, Tool

TOOLS = (Tool(("onnxconverter-common",), "gpu"), Tool(("onnx",), "gpu"))
HARDWARE = False

# The greatest and the least positive number of fp16 (IEEE 754); the converter's own limits are tighter.
_GREATEST, _LEAST = 65504.0, 5.96e-8


def run(job: Job) -> dict[str, Any]:
    """Convert a model.

    Returns:
        ``casts``: how many conversions between fp16 and other types its graph has.
    """
    import onnx
    from onnxconverter_common import float16

    with warnings.catch_warnings():
        # One for every weight that fp16 rounds to zero.
        warnings.simplefilter("ignore")
        converted = float16.convert_float_to_float16(
            onnx.load(str(job.files[0])), min_positive_val=_LEAST, max_finite_val=_GREATEST, keep_io_types=True
        )
    onnx.save(converted, str(job.out))
    onnx.checker.check_model(str(job.out), full_check=True)
    return {"casts": sum(node.op_type == "Cast" for node in converted.graph.node)}
