"""Vendors' software that needs other hardware, imitated: laid out as models, and put in place of the real one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime.prepare.steps import Job, build_engine
from hpi_schemas.device import parse

from support import tiny_models
from support.engines import CLASSIFIER, CONFIGS, HAS_GPU, ROWS, SHAPES
from support.fake_acl import FakeAcl
from support.fake_cuda import FakeCuda
from support.fake_tensorrt import make

TENSORRT = "10.16.1"


@dataclass(frozen=True)
class Imitations:
    """What was put in the place of the real software."""

    cuda: FakeCuda
    acl: FakeAcl


def install(monkeypatch: pytest.MonkeyPatch, tensorrt: str = TENSORRT) -> Imitations:
    """Put imitations in place until the test ends: a machine with one NPU, and one GPU if there is no real one."""
    found = Imitations(FakeCuda(), FakeAcl())
    monkeypatch.setitem(sys.modules, "acl", found.acl)
    if HAS_GPU:
        return found
    monkeypatch.setattr("hpi_runtime.engines.native.cuda.device_count", lambda: 1)
    monkeypatch.setattr("hpi_runtime.engines.native.cuda._runtime", lambda: found.cuda)
    monkeypatch.setitem(sys.modules, "tensorrt", make(tensorrt, found.cuda))
    return found


def lay_out(root: Path) -> None:
    """Write the models of TensorRT and of the imitated pyACL below ``root``, from the ONNX models there."""
    has_tensorrt = not HAS_GPU or importlib.util.find_spec("tensorrt") is not None
    with pytest.MonkeyPatch.context() as monkeypatch:
        install(monkeypatch)
        least = [min(sizes) for sizes in zip(*SHAPES, strict=True)]
        greatest = [max(sizes) for sizes in zip(*SHAPES, strict=True)]
        classifier = root / "models" / CLASSIFIER / "inference.onnx"
        if has_tensorrt:
            build(classifier, root / "trt" / CLASSIFIER, {"x": [least, least, greatest]})
        gears = [list(shape) for shape in SHAPES]
        tiny_models.om_model(root / "om" / CLASSIFIER, classifier, {"x": [-1, 3, -1, -1]}, gears)
        for dtype in ("float32", "float16", "int64", "int32"):
            tiny = root / "tiny-models" / dtype / "inference.onnx"
            columns = tiny_models.COLUMNS
            if has_tensorrt:
                build(tiny, root / "tiny-trt" / dtype, {"x": [[1, columns], [ROWS, columns], [8, columns]]})
            tiny_models.om_model(root / "tiny-om" / dtype, tiny, {"x": [ROWS, columns]}, [])


def build(model: Path, folder: Path, shapes: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Build an engine with the imitation of TensorRT, by the real prepare step."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {**CONFIGS["tensorrt"], "dynamic_shapes": shapes, **options}
    return build_engine.run(Job("build_engine", given, parse("gpu:0"), (model,), folder, folder / "inference.engine"))
