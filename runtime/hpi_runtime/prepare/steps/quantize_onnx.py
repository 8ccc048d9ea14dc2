"""quantize_onnx: a model for ONNX Runtime whose operators take whole numbers of 8 bits.

ONNX Runtime's static quantisation: samples of the input show how far the numbers in the model reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpi_runtime.prepare import calibration
from hpi_runtime.prepare.steps import Job, Tool

TOOLS = (Tool(("onnx",), "int8"), Tool(("ml-dtypes",), "int8"), Tool(("onnxruntime", "onnxruntime-gpu"), "cpu"))
HARDWARE = False

# Scales per channel came with opset 13 (onnx.ai, DequantizeLinear); 14 is what our conversions write.
_LEAST_OPSET, _OPSET = 13, 14


def run(job: Job) -> dict[str, Any]:
    """Quantise a model.

    Returns:
        ``samples``: by how many arrays.
    """
    import onnx
    from onnx import version_converter

    from hpi_runtime.engines.onnxruntime import library

    library()
    from onnxruntime import quantization

    model = onnx.load(str(job.files[0]))
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if opset < _LEAST_OPSET:
        model = version_converter.convert_version(model, _OPSET)
    samples = list(calibration.load(job.folder, job.options["calibration"]))
    quantization.quantize_static(
        model,
        str(job.out),
        _Reader(model.graph.input[0].name, iter(samples)),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        # Without VNNI, sums of 16 bits overflow unless weights have 7 (onnxruntime.ai, "Quantize ONNX models").
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    onnx.checker.check_model(str(job.out), full_check=True)
    return {"samples": len(samples)}


class _Reader:
    """Hands samples to the quantiser, one by one, and None after the last."""

    def __init__(self, name: str, samples: Iterator[calibration.Array]) -> None:
        self._name = name
        self._samples = samples

    def get_next(self) -> dict[str, calibration.Array] | None:
        """Return the next sample by the name of the input."""
        sample = next(self._samples, None)
        return None if sample is None else {self._name: sample}
