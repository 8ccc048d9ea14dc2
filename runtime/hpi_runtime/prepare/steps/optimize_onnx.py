"""optimize_onnx: a model as ONNX Runtime makes it over for this processor, so that it need not do it at every start."""

from __future__ import annotations

from typing import Any

from hpi_runtime.prepare.steps import Job, Tool

TOOLS = (Tool(("onnxruntime", "onnxruntime-gpu"), "cpu"),)
# Which kernels it picks depends on the processor.
HARDWARE = True


def run(job: Job) -> dict[str, Any]:
    """Optimise a model; nothing is worth recording."""
    from hpi_runtime.engines.onnxruntime import write_optimized

    write_optimized(job.files[0], job.out, job.options["graph_optimization"])
    return {}
