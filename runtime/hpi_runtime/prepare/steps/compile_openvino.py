"""compile_openvino: a model as OpenVINO compiles it for this processor, so that it need not do it at every start."""

from __future__ import annotations

from typing import Any

from hpi_runtime.prepare.steps import Job, Tool

TOOLS = (Tool(("openvino",), "cpu"),)
# Which kernels it picks depends on the processor.
HARDWARE = True


def run(job: Job) -> dict[str, Any]:
    """Compile a model; nothing is worth recording."""
    from hpi_runtime.engines.openvino import OpenVinoEngine

    names = tuple(file.name for file in job.files)
    engine = OpenVinoEngine(job.files[0].parent, names, job.options, job.device)
    with engine:
        job.out.write_bytes(engine.exported())
    return {}
