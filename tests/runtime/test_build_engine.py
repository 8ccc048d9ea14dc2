"""build_engine and to_fp16: what TensorRT is told, and what is said when it refuses. TensorRT itself is imitated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.errors import EngineError
from hpi_runtime.prepare.steps import Job, build_engine, to_fp16
from hpi_schemas.device import CPU, parse
from support import imitations
from support.engines import CLASSIFIER, CONFIGS
from support.imitations import Imitations

SHAPES = {"x": [[1, 3], [2, 3], [4, 3]]}


def built(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "inference.engine").read_bytes()[6:])
    return data


@pytest.fixture
def tiny(engine_models: Path) -> Path:
    return engine_models / "tiny-models/float32/inference.onnx"


def test_everything_that_changes_numbers_or_memory_is_set(imitated: Imitations, tiny: Path, tmp_path: Path) -> None:
    imitations.build(tiny, tmp_path / "a", SHAPES, workspace_mib=128, builder_optimization_level=5)
    data = built(tmp_path / "a")
    # TensorRT's own defaults have TF32 on.
    assert (data["flags"], data["workspace"], data["level"]) == ([], 128 << 20, 5)
    assert data["profile"] == SHAPES
    imitations.build(tiny, tmp_path / "b", SHAPES, use_tf32=True)
    assert built(tmp_path / "b")["flags"] == ["TF32"]


def test_fp16_is_a_switch_in_tensorrt_10_and_a_property_of_the_model_in_11(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, flags in (("10.16.1", ["FP16"]), ("11.4.0", [])):
        imitations.install(monkeypatch, version)
        imitations.build(tiny, tmp_path / version, SHAPES, precision="fp16")
        assert built(tmp_path / version)["flags"] == flags
        assert built(tmp_path / version)["version"] == version


def test_an_engine_of_another_version_is_refused_with_what_tensorrt_says(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imitations.install(monkeypatch, "10.16.1")
    imitations.build(tiny, tmp_path, SHAPES)
    imitations.install(monkeypatch, "11.4.0")
    kind = engines.find("tensorrt")
    assert kind is not None
    with pytest.raises(EngineError, match=r"TensorRT 11.4.0 refuses the engine file: .*library version 10.16.1"):
        kind(tmp_path, ("inference.engine",), CONFIGS["tensorrt"], parse("gpu:0"))


def test_a_shape_outside_the_plan_names_what_the_plan_allows(imitated: Imitations, tiny: Path, tmp_path: Path) -> None:
    imitations.build(tiny, tmp_path, SHAPES)
    kind = engines.find("tensorrt")
    assert kind is not None
    with (
        kind(tmp_path, ("inference.engine",), CONFIGS["tensorrt"], parse("gpu:0")) as engine,
        pytest.raises(EngineError, match=r"x has the shape \(5, 3\); the plan allows \(1, 3\) to \(4, 3\)"),
    ):
        engine.run({"x": np.zeros((5, 3), np.float32)})


def test_a_missing_shape_is_said_before_tensorrt_builds_for_minutes(
    imitated: Imitations, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="the plan has no dynamic_shapes for the input x; set backend_config"):
        imitations.build(tiny, tmp_path, {})


def test_a_model_that_tensorrt_cannot_read_is_an_error_with_its_words(imitated: Imitations, tmp_path: Path) -> None:
    (tmp_path / "inference.onnx").write_bytes(b"no model")
    with pytest.raises(RuntimeError, match="TensorRT cannot read the ONNX model: Failed to parse"):
        imitations.build(tmp_path / "inference.onnx", tmp_path / "out", SHAPES)


def test_what_tensorrt_measured_is_kept_for_the_next_build_and_never_taken_from_elsewhere(
    imitated: Imitations, tiny: Path, tmp_path: Path
) -> None:
    timing = tmp_path / build_engine.TIMING_CACHE
    imitations.build(tiny, tmp_path / "one", SHAPES)
    assert timing.read_bytes().startswith(b"TIMING")
    timing.write_bytes(b"of another GPU")
    imitations.build(tiny, tmp_path / "two", SHAPES)
    assert timing.read_bytes().startswith(b"TIMING")


def test_without_a_gpu_nothing_of_tensorrt_is_touched(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpi_runtime.engines.native.cuda.device_count", lambda: 0)
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    with pytest.raises(EngineError, match="there is no GPU 0; the NVIDIA driver shows none"):
        imitations.build(tiny, tmp_path, SHAPES)


def test_an_fp16_model_takes_and_gives_what_the_fp32_one_does(models: Path, tmp_path: Path) -> None:
    source = models / CLASSIFIER / "inference.onnx"
    found = to_fp16.run(Job("to_fp16", {}, parse("gpu:0"), (source,), tmp_path, tmp_path / "inference.onnx"))
    assert found["casts"] > 0
    assert (tmp_path / "inference.onnx").stat().st_size < 0.8 * source.stat().st_size
    kind = engines.find("onnxruntime")
    assert kind is not None
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 192)).astype(np.float32)
    answers = []
    for folder in (source.parent, tmp_path):
        with kind(folder, ("inference.onnx",), CONFIGS["onnxruntime"], CPU) as engine:
            answers.append(next(iter(engine.run({"x": x}).values())))
    assert answers[1].dtype == np.float32
    assert 0 < np.abs(answers[0] - answers[1]).max() < 1e-2
