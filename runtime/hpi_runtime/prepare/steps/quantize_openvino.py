"""quantize_openvino: a model for OpenVINO whose convolutions and products take whole numbers of 8 bits.

NNCF's post-training quantisation: samples of the input show how far the numbers in the model reach.
"""

from __future__ import annotations

import os
from typing import Any

from hpi_runtime.prepare import calibration
from hpi_runtime.prepare.steps import Job, Tool

TOOLS = (Tool(("nncf",), "int8"), Tool(("openvino",), "cpu"))
HARDWARE = False


def run(job: Job) -> dict[str, Any]:
    """Quantise a model.

    Returns:
        ``samples``: by how many arrays.
    """
    # NNCF would tell Google Analytics about every run; its own tests turn that off so.
    os.environ["NNCF_CI"] = "1"
    from hpi_runtime.engines.openvino import library

    # Before NNCF imports it.
    openvino = library()
    import nncf

    samples = list(calibration.load(job.folder, job.options["calibration"]))
    model = openvino.Core().read_model(str(job.files[0]))
    data = nncf.Dataset(samples, lambda sample: {0: sample})
    # Activations that are not one-sided, such as hard swish's, keep their zero point.
    quantised = nncf.quantize(model, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples))
    openvino.save_model(quantised, str(job.out), compress_to_fp16=False)
    return {"samples": len(samples)}
