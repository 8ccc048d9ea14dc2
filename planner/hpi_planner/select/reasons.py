"""Why a backend was not chosen, as plans record it and as people are told."""

from __future__ import annotations

from collections.abc import Collection

# plan.schema.json enumerates them.
DEVICE_MISMATCH = "DEVICE_MISMATCH"
MODEL_FORMAT_MISSING = "MODEL_FORMAT_MISSING"
CONVERSION_OFF = "CONVERSION_OFF"
CONVERTER_MISSING = "CONVERTER_MISSING"
CONVERSION_UNSUPPORTED = "CONVERSION_UNSUPPORTED"
NOT_INSTALLED = "NOT_INSTALLED"
NOT_RANKED = "NOT_RANKED"
RANKED_LOWER = "RANKED_LOWER"
NOT_REQUESTED = "NOT_REQUESTED"
MEASURED_SLOWER = "MEASURED_SLOWER"
MEASURED_INACCURATE = "MEASURED_INACCURATE"
MEASURED_FAULTY = "MEASURED_FAULTY"
NOT_MEASURED = "NOT_MEASURED"
REGULAR_INFERENCE = "REGULAR_INFERENCE"

WHY = {
    DEVICE_MISMATCH: "it does not run on this device",
    MODEL_FORMAT_MISSING: "the model is not there in a format that it loads",
    CONVERSION_OFF: "the model would have to be converted, and `auto_paddle2onnx` is off",
    CONVERSION_UNSUPPORTED: "the model would have to be converted, which is known not to work",
    CONVERTER_MISSING: "the model would have to be converted, and the target has no paddle2onnx",
    NOT_INSTALLED: "the target does not have it",
    NOT_RANKED: "PaddleX's prior knowledge does not rank it for this model",
    RANKED_LOWER: "another is ranked higher for this model",
    NOT_REQUESTED: "another was asked for",
    MEASURED_SLOWER: "the profile has another that is faster",
    MEASURED_INACCURATE: "the profile has no answers of it that are accurate enough",
    MEASURED_FAULTY: "it failed when the profile was made",
    NOT_MEASURED: "the profile does not have it",
    REGULAR_INFERENCE: "high-performance inference is off here",
}


def regular(backends: Collection[str], formats: Collection[str]) -> dict[str, str]:
    """Return why backends do not run a model without high-performance inference, which is Paddle's where it can."""
    found = dict.fromkeys(backends, REGULAR_INFERENCE)
    return found if "paddle" in formats else {**found, "paddle": MODEL_FORMAT_MISSING}
