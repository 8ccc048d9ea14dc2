"""The contract of every engine. One suite, all backends."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.errors import EngineError
from support.engines import ALL, CONFIGS, ONNXRUNTIME, OPENVINO, Backend

every_backend = pytest.mark.parametrize("backend", ALL)


def pictures(batch: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 48, 192)).astype(np.float32)


@every_backend
def test_the_model_tells_its_inputs_and_outputs(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        (entry,) = engine.inputs
        assert entry == ("x", np.dtype(np.float32), (None, 3, None, None))
        assert len(engine.outputs) == 1
        assert engine.actual()["device"] == "cpu"


@every_backend
def test_all_backends_give_the_same_numbers(backend: Backend, engine_models: Path) -> None:
    x = pictures(5)
    with ONNXRUNTIME.load(engine_models) as reference, backend.load(engine_models) as engine:
        (expected,), (found,) = reference.run({"x": x}).values(), engine.run({"x": x}).values()
    assert found.dtype == np.float32
    assert found.shape == (5, 2)
    assert np.abs(found - expected).max() < 1e-5


@every_backend
def test_any_batch_and_width_run(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        for shape in ((1, 3, 48, 192), (7, 3, 48, 96), (1, 3, 48, 320)):
            (out,) = engine.run({"x": np.zeros(shape, np.float32)}).values()
            assert out.shape == (shape[0], 2)


@every_backend
def test_arrays_may_be_read_only_and_not_contiguous(backend: Backend, engine_models: Path) -> None:
    x = pictures(4)
    strided = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    x.setflags(write=False)
    with backend.load(engine_models) as engine:
        (plain,), (odd,) = engine.run({"x": x}).values(), engine.run({"x": strided}).values()
    assert np.array_equal(plain, odd)


@every_backend
def test_outputs_stay_valid_after_the_next_call(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        (first,) = engine.run({"x": pictures(seed=1)}).values()
        kept = first.copy()
        for seed in range(2, 6):
            engine.run({"x": pictures(seed=seed)})
        assert np.array_equal(first, kept)


@every_backend
def test_eight_threads_get_what_one_gets(backend: Backend, engine_models: Path) -> None:
    inputs = [pictures(seed=seed) for seed in range(24)]
    with backend.load(engine_models) as engine:
        alone = [next(iter(engine.run({"x": x}).values())) for x in inputs]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda x: next(iter(engine.run({"x": x}).values())), inputs))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


@every_backend
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the model takes"),
        ({"y": np.zeros((1, 3, 48, 192), np.float32)}, "the model takes"),
        ({"x": np.zeros((1, 3, 48, 192), np.float64)}, "float32, not float64"),
        ({"x": np.zeros((3, 48, 192), np.float32)}, "has the shape"),
        ({"x": np.zeros((1, 4, 48, 192), np.float32)}, "has the shape"),
    ],
    ids=["none", "unknown", "dtype", "rank", "channels"],
)
def test_wrong_arrays_are_refused_before_the_backend_sees_them(
    backend: Backend, engine_models: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with backend.load(engine_models) as engine, pytest.raises(EngineError, match=message):
        engine.run(arrays)


@every_backend
def test_a_closed_engine_says_so(backend: Backend, engine_models: Path) -> None:
    engine = backend.load(engine_models)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run({"x": pictures()})


@every_backend
def test_loading_and_closing_again_and_again_frees_the_memory(backend: Backend, engine_models: Path) -> None:
    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(3):
        backend.load(engine_models).close()
    before = resident()
    for _ in range(12):
        with backend.load(engine_models) as engine:
            engine.run({"x": pictures()})
    assert resident() - before < 60 << 20


@every_backend
def test_half_a_model_is_an_error_that_names_the_file(backend: Backend, engine_models: Path, tmp_path: Path) -> None:
    for name in backend.files:
        data = (engine_models / backend.folder / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    kind = engines.find(backend.name)
    assert kind is not None
    with pytest.raises(EngineError, match=backend.files[0]):
        kind(tmp_path, backend.files, CONFIGS[backend.name], "cpu")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_device_that_is_not_there_is_no_silent_cpu(name: str, engine_models: Path) -> None:
    kind = engines.find(name)
    assert kind is not None
    with pytest.raises(EngineError, match="gpu:0"):
        kind(engine_models / "models/ch_ppocr_mobile_v2.0_cls", ("inference.onnx",), CONFIGS[name], "gpu:0")


def test_openvino_runs_fp32_where_the_processor_would_take_bf16(engine_models: Path) -> None:
    with OPENVINO.load(engine_models) as engine:
        assert engine.actual()["precision"] == "fp32"


@pytest.mark.parametrize("name", ["", "base", "nothing", "../os", "os.path"])
def test_there_is_no_engine_of_another_name(name: str) -> None:
    assert engines.find(name) is None
