"""Every name of TensorRT's that our code and its imitation use is in NVIDIA's real bindings, of both versions."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import fake_tensorrt
from support.fake_cuda import FakeCuda

ROOT = Path(__file__).parents[2]
# The imitation's class → the real one.
CLASSES = {
    fake_tensorrt.Builder: "Builder",
    fake_tensorrt.BuilderConfig: "IBuilderConfig",
    fake_tensorrt.CudaEngine: "ICudaEngine",
    fake_tensorrt.ExecutionContext: "IExecutionContext",
    fake_tensorrt.Network: "INetworkDefinition",
    fake_tensorrt.NetworkTensor: "ITensor",
    fake_tensorrt.OnnxParser: "OnnxParser",
    fake_tensorrt.ParserError: "ParserError",
    fake_tensorrt.Profile: "IOptimizationProfile",
    fake_tensorrt.Runtime: "Runtime",
    fake_tensorrt.TimingCache: "ITimingCache",
}
# What the imitation keeps for itself.
OWN = {"check", "cuda", "profile", "session", "inputs", "outputs", "model", "flags", "pools", "profiles", "timing"} | {
    "data",
    "shapes",
}


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")} - OWN


@pytest.mark.parametrize("major", ["10", "11"])
def test_the_imitation_has_no_name_that_the_real_bindings_lack(major: str) -> None:
    folder = ROOT / ".tensorrt" / major
    if not folder.is_dir() or shutil.which("cc") is None:
        pytest.skip("needs a C compiler and `make .tensorrt/.ready`")
    made_for = (ROOT / ".tensorrt/.ready").read_text().strip()
    if made_for != platform.python_version():
        pytest.skip(f"the bindings that are here are of Python {made_for}")
    script = Path(fake_tensorrt.__file__).with_name("real_tensorrt.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True, text=True)
    real: dict[str, Any] = json.loads(done.stdout)
    assert real["version"].partition(".")[0] == major
    imitation = fake_tensorrt.make(real["version"], FakeCuda())
    assert {name for name in vars(imitation) if not name.startswith("_")} <= set(real["module"])
    for kind, name in CLASSES.items():
        assert public(kind) <= set(real["names"][name]), name
    for name in ("BuilderFlag", "MemoryPoolType", "NetworkDefinitionCreationFlag", "TensorIOMode"):
        assert set(vars(getattr(imitation, name))) <= set(real["names"][name]), name
    for method in (
        "reallocate_output(self, tensor_name, memory, size, alignment)",
        "reallocate_output_async(self, tensor_name, memory, size, alignment, stream)",
        "notify_shape(self, tensor_name, shape)",
    ):
        assert f"def {method}:" in real["allocator"]
    # The switch by which fp16 is told apart.
    assert ("FP16" in real["names"]["BuilderFlag"]) == (major == "10")
