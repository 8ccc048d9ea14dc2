"""The contract of every engine. One suite, all backends."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError
from hpi_schemas.device import CPU, parse
from support import tiny_models
from support.engines import (
    ALL,
    CLASSIFIER,
    CONFIGS,
    ONNXRUNTIME,
    ONNXRUNTIME_GPU,
    OPENVINO,
    ROWS,
    SHAPES,
    WITH_TINY,
    Backend,
)
from support.imitations import Imitations

every_backend = pytest.mark.parametrize("backend", ALL)


@pytest.fixture(autouse=True)
def _clean(imitated: Imitations) -> Iterator[None]:
    """Imitate what is not here, and see that engines gave back everything they took."""
    yield
    gc.collect()
    assert not imitated.cuda.memory
    assert not imitated.cuda.streams
    assert not imitated.acl.alive


def pictures(batch: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 48, 192)).astype(np.float32)


def only(outputs: dict[str, np.ndarray]) -> np.ndarray:
    (found,) = outputs.values()
    return found


@every_backend
def test_the_model_tells_its_inputs_and_outputs(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        (entry,) = engine.inputs
        assert entry == ("x", np.dtype(np.float32), (None, 3, None, None))
        assert len(engine.outputs) == 1
        assert set(engine.run({"x": pictures()})) == set(engine.outputs)


@every_backend
def test_what_really_runs_is_told_and_equals_the_plan(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        actual = engine.actual()
        assert actual["device"] == backend.device
        assert all(actual[option] == engine.config[option] for option in engine.config if option in actual)


@every_backend
def test_an_engine_that_runs_something_else_is_refused(
    backend: Backend, engine_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = engines.find(backend.name)
    assert kind is not None
    monkeypatch.setattr(kind, "actual", lambda engine: {"device": "gpu:7"})
    with pytest.raises(EngineError, match=f"{backend.name}: the plan says device {backend.device}, .* runs gpu:7"):
        backend.load(engine_models)


@every_backend
def test_all_backends_give_the_same_numbers(backend: Backend, engine_models: Path) -> None:
    x = pictures(5)
    with ONNXRUNTIME.load(engine_models) as reference, backend.load(engine_models) as engine:
        expected, found = only(reference.run({"x": x})), only(engine.run({"x": x}))
    assert found.dtype == np.float32
    assert found.shape == (5, 2)
    assert np.abs(found - expected).max() < 1e-5


@every_backend
def test_any_batch_and_width_run(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        for shape in SHAPES:
            assert only(engine.run({"x": np.zeros(shape, np.float32)})).shape == (shape[0], 2)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("backend", WITH_TINY)
def test_every_dtype_goes_in_and_comes_out(backend: Backend, dtype: str, engine_models: Path) -> None:
    if dtype not in backend.dtypes:
        pytest.skip("the backend has no such models")
    x = (np.arange(ROWS * 3).reshape(ROWS, 3) % 2).astype(dtype)
    with backend.load_tiny(engine_models, dtype) as engine:
        assert engine.inputs[0].dtype == x.dtype
        found = only(engine.run({"x": x}))
    assert found.dtype == x.dtype
    assert np.array_equal(found, np.concatenate([x, x], axis=1))


@every_backend
def test_arrays_may_be_read_only_and_not_contiguous(backend: Backend, engine_models: Path) -> None:
    x = pictures(4)
    strided = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    x.setflags(write=False)
    with backend.load(engine_models) as engine:
        assert np.array_equal(only(engine.run({"x": x})), only(engine.run({"x": strided})))


@every_backend
def test_inputs_are_left_as_they_are(backend: Backend, engine_models: Path) -> None:
    x = pictures()
    kept = x.copy()
    with backend.load(engine_models) as engine:
        engine.run({"x": x})
    assert np.array_equal(x, kept)


@every_backend
def test_outputs_stay_valid_after_the_next_call_and_after_closing(backend: Backend, engine_models: Path) -> None:
    with backend.load(engine_models) as engine:
        first = only(engine.run({"x": pictures(seed=1)}))
        kept = first.copy()
        for seed in range(2, 6):
            engine.run({"x": pictures(seed=seed)})
    gc.collect()
    assert np.array_equal(first, kept)


@every_backend
def test_eight_threads_get_what_one_gets(backend: Backend, engine_models: Path) -> None:
    inputs = [pictures(seed=seed) for seed in range(24)]
    with backend.load(engine_models) as engine:
        alone = [only(engine.run({"x": x})) for x in inputs]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda x: only(engine.run({"x": x})), inputs))
    assert all(one.tobytes() == other.tobytes() for one, other in zip(alone, together, strict=True))


@every_backend
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the model takes"),
        ({"y": np.zeros((1, 3, 48, 192), np.float32)}, "the model takes"),
        ({"x": np.zeros((1, 3, 48, 192), np.float64)}, "float32, not float64"),
        ({"x": np.zeros((3, 48, 192), np.float32)}, "has the shape"),
        ({"x": np.zeros((1, 4, 48, 192), np.float32)}, "has the shape"),
        ({"x": np.zeros((0, 3, 48, 192), np.float32)}, "is empty"),
    ],
    ids=["none", "unknown", "dtype", "rank", "channels", "no-batch"],
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


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("backend", WITH_TINY)
def test_a_hundred_times_loading_and_closing_takes_no_memory(backend: Backend, engine_models: Path) -> None:
    def once() -> None:
        with backend.load_tiny(engine_models) as engine:
            engine.run({"x": np.zeros((ROWS, 3), np.float32)})

    # Allocators and thread pools settle first.
    for _ in range(40):
        once()
    # A leak shows each time; what other tests of this process made an allocator do shows once.
    grown: list[int] = []
    while len(grown) < 3 and all(size >= 16 << 20 for size in grown):
        before = _resident()
        for _ in range(100):
            once()
        grown.append(_resident() - before)
    assert min(grown) < 16 << 20


@every_backend
def test_half_a_model_is_an_error_that_names_the_file(backend: Backend, engine_models: Path, tmp_path: Path) -> None:
    for name in backend.files:
        data = (engine_models / backend.kind / CLASSIFIER / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(EngineError, match=backend.files[0]):
        _load(backend, tmp_path)


def _load(backend: Backend, folder: Path) -> Engine:
    kind = engines.find(backend.name)
    assert kind is not None
    return kind(folder, backend.files, {**CONFIGS[backend.name], **dict(backend.changes)}, parse(backend.device))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("onnxruntime", "runs .*CPUExecutionProvider.*: this onnxruntime is built without it; .*onnxruntime-gpu"),
        ("openvino", "openvino does not run on gpu:0; Intel's devices are named by `device_name`"),
    ],
)
def test_a_device_that_is_not_there_is_no_silent_cpu(name: str, message: str, engine_models: Path) -> None:
    kind = engines.find(name)
    assert kind is not None
    config = {**CONFIGS[name], **ONNXRUNTIME_GPU}
    with pytest.raises(EngineError, match=message):
        kind(engine_models / "models" / CLASSIFIER, ("inference.onnx",), config, parse("gpu:0"))


@pytest.mark.paddle
def test_paddle_without_cuda_is_no_silent_cpu(engine_models: Path) -> None:
    backend = Backend("paddle", "pir", ("inference.json", "inference.pdiparams"), (("run_mode", "paddle"),), "gpu:0")
    with pytest.raises(EngineError, match="the plan says device gpu:0, the backend runs cpu: this build of Paddle"):
        backend.load(engine_models)


def test_an_intel_device_that_is_not_there_is_named(engine_models: Path) -> None:
    backend = Backend("openvino", "models", ("inference.onnx",), (("device_name", "NPU"),))
    with pytest.raises(EngineError, match="the plan says device_name NPU, and there is CPU alone: is Intel's driver"):
        backend.load(engine_models)


def test_openvino_runs_fp32_where_the_processor_would_take_bf16(engine_models: Path) -> None:
    with OPENVINO.load(engine_models) as engine:
        assert engine.actual()["precision"] == "fp32"


@pytest.mark.parametrize("is_spinning", [None, False, True])
def test_threads_of_onnxruntime_spin_where_the_plan_says_so_and_say_the_same(
    engine_models: Path, is_spinning: bool | None
) -> None:
    said = () if is_spinning is None else (("spinning", is_spinning),)
    backend = replace(ONNXRUNTIME, changes=said)
    with ONNXRUNTIME.load(engine_models) as usual, backend.load(engine_models) as engine:
        assert engine.actual()["spinning"] is bool(is_spinning)
        given = {"x": pictures()}
        for name, values in usual.run(given).items():
            assert np.array_equal(engine.run(given)[name], values)


def test_onnxruntime_tells_which_provider_runs_how_many_nodes(engine_models: Path) -> None:
    with ONNXRUNTIME.load(engine_models) as engine:
        (provider,) = engine.actual()["nodes"]
        assert provider == "CPUExecutionProvider"
        assert engine.actual()["nodes"][provider] > 10


@pytest.mark.parametrize("name", ["", "base", "nothing", "../os", "os.path"])
def test_there_is_no_engine_of_another_name(name: str) -> None:
    assert engines.find(name) is None


def test_inputs_and_outputs_have_the_models_own_names() -> None:
    folder = Path(__file__).parents[2] / "examples/ocr/page_orientation"
    names = []
    for name in ("onnxruntime", "openvino"):
        kind = engines.find(name)
        assert kind is not None
        with kind(folder, ("inference.onnx",), CONFIGS[name], CPU) as engine:
            names.append(([tensor.name for tensor in engine.inputs], list(engine.outputs)))
    # OpenVINO gives a tensor the names of what it folded away too.
    assert names == [(["x"], ["fetch_name_0"])] * 2


@every_backend
def test_loading_an_engine_leaves_the_programs_signal_handlers(backend: Backend, engine_models: Path) -> None:
    """A service ends its work at SIGTERM, and Python's faulthandler shows where a crash was."""
    if backend.device != "cpu":
        pytest.skip("its library is an imitation here, or needs a device")
    kind = engine_models / backend.kind / CLASSIFIER
    config = {**CONFIGS[backend.name], **dict(backend.changes)}
    code = (
        "import ctypes, faulthandler, os, pathlib, signal\nfaulthandler.enable()\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked to end', flush=True))\n"
        "from hpi_runtime import engines\nfrom hpi_schemas.device import CPU\n"
        f"engine = engines.find({backend.name!r})(pathlib.Path({str(kind)!r}), {backend.files!r}, {config!r}, CPU)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nctypes.string_at(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "asked to end\n"
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_openvinos_first_runs_may_come_from_several_threads_at_once(tmp_path: Path) -> None:
    tiny_models.onnx_model(tmp_path, "float32")
    code = (
        "import os, sys, threading, pathlib\nimport openvino\n"
        "from hpi_schemas.device import CPU\nfrom hpi_runtime.engines.openvino import ENGINE\n"
        "sys.setswitchinterval(1e-6)\n"
        f"config = {{**{CONFIGS['openvino']!r}, 'num_streams': 2}}\n"
        f"engine = ENGINE(pathlib.Path({str(tmp_path)!r}), ('inference.onnx',), config, CPU)\n"
        "together = threading.Barrier(4)\n"
        # What the first run of each thread begins with; without the engine's care they never come back.
        "def run():\n    together.wait()\n    openvino.Type.f32.to_dtype()\n"
        "threads = [threading.Thread(target=run, daemon=True) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join(30) for thread in threads]\n"
        "os._exit(any(thread.is_alive() for thread in threads))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
