"""Paddle on GPUs: what its configuration is told, and its TensorRT subgraphs. Paddle's GPU build is imitated."""

from __future__ import annotations

import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.errors import EngineError
from hpi_runtime.prepare.steps import Job, build_subgraphs
from hpi_schemas.device import parse
from support.engines import CLASSIFIER, CONFIGS
from support.fake_paddle import FakeConfig, inference

pytestmark = pytest.mark.paddle
GPU = {
    **CONFIGS["paddle"],
    "run_mode": "paddle",
    "trt_allow_rebuild_at_runtime": False,
    "trt_cfg_setting": {},
    "trt_collect_shape_range_info": True,
    "trt_dynamic_shapes": {"x": [[1, 3, 48, 96], [1, 3, 48, 192], [4, 3, 48, 320]]},
    "trt_use_dynamic_shapes": True,
}
LEGACY = {**GPU, "enable_new_ir": False, "run_mode": "trt_fp16"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[FakeConfig]:
    """Every configuration that was made of the imitated Paddle."""
    made: list[FakeConfig] = []
    fake = inference(made)
    monkeypatch.setattr("hpi_runtime.engines.paddle.import_inference", lambda: fake)
    monkeypatch.setattr("hpi_runtime.prepare.steps.build_subgraphs.import_inference", lambda: fake)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")
    return made


@pytest.fixture
def legacy(engine_models: Path, tmp_path: Path) -> Path:
    shutil.copytree(engine_models / "legacy" / CLASSIFIER, tmp_path / "legacy")
    return tmp_path / "legacy"


def load(folder: Path, files: tuple[str, ...], config: dict[str, Any], device: str = "gpu:0") -> dict[str, Any]:
    kind = engines.find("paddle")
    assert kind is not None
    with kind(folder, files, config, parse(device)) as engine:
        x = np.ones((1, 3, 48, 192), np.float32)
        assert np.array_equal(engine.run({"x": x})["y"], x)
        return engine.actual()


PROGRAM = ("inference.pdmodel", "inference.pdiparams")


def test_a_gpu_runs_in_fp32_or_fp16_as_the_plan_says_and_without_tf32(told: list[FakeConfig], legacy: Path) -> None:
    import os

    assert load(legacy, PROGRAM, GPU, "gpu:1") == {"device": "gpu:1", "run_mode": "paddle"}
    (pool, device, precision), _ = told[-1].set("enable_use_gpu")
    assert (pool, device, precision.name) == (100, 1, "Float32")
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
    load(legacy, PROGRAM, {**GPU, "run_mode": "paddle_fp16"})
    assert told[-1].set("enable_use_gpu")[0][2].name == "Half"


def job(folder: Path, out: Path, options: dict[str, Any], program: str = "inference.pdmodel") -> Job:
    out.mkdir(parents=True)
    files = (folder / program, folder / "inference.pdiparams")
    return Job("build_subgraphs", options, parse("gpu:0"), files, out, out / program)


def test_a_legacy_program_keeps_its_ranges_and_engines_beside_it(
    told: list[FakeConfig], legacy: Path, tmp_path: Path
) -> None:
    assert build_subgraphs.run(job(legacy, tmp_path / "out", LEGACY)) == {"ir": "legacy"}
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["inference.pdiparams", "inference.pdmodel", "shape_range_info.pbtxt", "trt_serialized_0123"]
    seen = (tmp_path / "out/shape_range_info.pbtxt").read_text().splitlines()
    assert seen == ["(1, 3, 48, 96)", "(1, 3, 48, 192)", "(4, 3, 48, 320)"]
    files = (*PROGRAM[:1], "inference.pdiparams", "shape_range_info.pbtxt", "trt_serialized_0123")
    assert load(tmp_path / "out", files, LEGACY) == {"device": "gpu:0", "run_mode": "trt_fp16"}
    _, engine = told[-1].set("enable_tensorrt_engine")
    assert engine["precision_mode"].name == "Half"
    assert engine["use_static"] is True
    path, may_rebuild = told[-1].set("enable_tuned_tensorrt_dynamic_shape")[0]
    assert (path, may_rebuild) == (str(tmp_path / "out/shape_range_info.pbtxt"), False)


def test_shapes_may_be_given_instead_of_collected(told: list[FakeConfig], legacy: Path, tmp_path: Path) -> None:
    options = {**LEGACY, "trt_collect_shape_range_info": False}
    build_subgraphs.run(job(legacy, tmp_path / "out", options))
    least, greatest, best = told[-1].set("set_trt_dynamic_shape_info")[0]
    assert (least["x"][3], best["x"][3], greatest["x"][3]) == (96, 192, 320)
    assert not (tmp_path / "out/shape_range_info.pbtxt").exists()


def test_values_for_the_samples_are_taken_from_the_plan(told: list[FakeConfig], legacy: Path, tmp_path: Path) -> None:
    small = {"x": [[1, 3, 1, 1]] * 3}
    options = {**LEGACY, "trt_dynamic_shapes": small, "trt_dynamic_shape_input_data": {"x": [[1, 2, 3]] * 3}}
    made = job(legacy, tmp_path / "out", options)
    assert [sample["x"].ravel().tolist() for sample in build_subgraphs.samples(made)] == [[1, 2, 3]] * 3


def test_a_setting_that_is_none_of_tensorrt_is_refused(told: list[FakeConfig], legacy: Path, tmp_path: Path) -> None:
    options = {**LEGACY, "trt_cfg_setting": {"set_model": ["/etc/passwd", "/etc/passwd"]}}
    with pytest.raises(EngineError, match="no setting set_model of TensorRT"):
        build_subgraphs.run(job(legacy, tmp_path / "out", options))


def test_a_model_without_shapes_names_its_inputs(told: list[FakeConfig], legacy: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the plan has no trt_dynamic_shapes for x"):
        build_subgraphs.run(job(legacy, tmp_path / "out", {**LEGACY, "trt_dynamic_shapes": {}}))


def test_a_program_of_the_new_ir_is_rewritten_by_paddle(
    told: list[FakeConfig], engine_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = types.ModuleType("paddle.tensorrt.export")
    seen: dict[str, Any] = {}

    class Config:
        def __init__(self, inputs: list[Any]) -> None:
            self.inputs = inputs
            self.workspace_size = 1 << 30
            self.precision_mode = self.save_model_dir = None

    def convert(path: str, config: Config) -> None:
        seen.update(path=path, config=config)
        for suffix in (".json", ".pdiparams"):
            Path(f"{config.save_model_dir}{suffix}").write_text("rewritten")

    export.Input = list  # type: ignore[attr-defined]
    export.PrecisionMode = types.SimpleNamespace(FP32="FP32", FP16="FP16", INT8="INT8")  # type: ignore[attr-defined]
    export.TensorRTConfig, export.convert = Config, convert  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paddle.tensorrt", types.ModuleType("paddle.tensorrt"))
    monkeypatch.setitem(sys.modules, "paddle.tensorrt.export", export)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    options = {**GPU, "run_mode": "trt_fp16", "trt_cfg_setting": {"workspace_size": 1 << 20}}
    made = job(engine_models / "pir" / CLASSIFIER, tmp_path / "out", options, "inference.json")
    assert build_subgraphs.run(made) == {"ir": "new"}
    config = seen["config"]
    assert (config.precision_mode, config.workspace_size) == ("FP16", 1 << 20)
    assert [array.shape[3] for array in config.inputs[0]] == [96, 192, 320]
    assert made.out.read_text() == "rewritten"
    # Paddle's converter takes CUDA's first GPU: the plan's is the only one that it is shown.
    import os

    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
    options["trt_cfg_setting"] = {"workspace": 1}
    with pytest.raises(RuntimeError, match="TensorRTConfig has no workspace"):
        build_subgraphs.run(job(engine_models / "pir" / CLASSIFIER, tmp_path / "b", options, "inference.json"))
