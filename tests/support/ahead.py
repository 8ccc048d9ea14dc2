"""Models compiled ahead, as the prepare steps make them."""

from __future__ import annotations

from pathlib import Path

from hpi_runtime.prepare.steps import Job, compile_openvino, optimize_onnx
from hpi_schemas.device import CPU

from support.engines import CLASSIFIER, CONFIGS
from support.tiny_models import ONNX_TYPES


def lay_out(root: Path) -> None:
    """Compile the line classifier and the tiny models of the fixture ``engine_models``."""
    sources = {f"models/{CLASSIFIER}": CLASSIFIER, **{f"tiny-models/{dtype}": dtype for dtype in ONNX_TYPES}}
    for source, name in sources.items():
        tiny = "tiny-" if source.startswith("tiny-") else ""
        for backend, kind, file in (
            ("onnxruntime", "optimized", "optimized.onnx"),
            ("openvino", "compiled", "compiled.blob"),
        ):
            out = root / f"{tiny}{kind}" / name / file
            out.parent.mkdir(parents=True)
            files = (root / source / "inference.onnx",)
            job = Job(backend, CONFIGS[backend], CPU, files, root, out)
            (optimize_onnx if backend == "onnxruntime" else compile_openvino).run(job)
