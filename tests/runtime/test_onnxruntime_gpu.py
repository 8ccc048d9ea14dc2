"""ONNX Runtime on GPUs: what it is asked for, and what is said when it runs elsewhere. The GPU build is imitated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hpi_runtime import engines
from hpi_runtime.errors import EngineError
from hpi_schemas.device import parse
from support.engines import CONFIGS, ONNXRUNTIME_GPU

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
CONFIG = {**CONFIGS["onnxruntime"], **ONNXRUNTIME_GPU}


def _options() -> SimpleNamespace:
    """Return what a session is made with."""
    entries: dict[str, str] = {}
    return SimpleNamespace(add_session_config_entry=entries.__setitem__, get_session_config_entry=entries.__getitem__)


class Session:
    """An InferenceSession as the GPU build makes it: providers whose library is missing vanish without a word."""

    def __init__(self, options: Any, asked: dict[str, dict[str, str]], broken: set[str], nodes: dict[str, int]) -> None:
        self.options = options
        self.asked = asked
        self.real = [name for name in self.asked if name not in broken]
        self.nodes = nodes

    def get_providers(self) -> list[str]:
        return [*self.real, *([] if CPU in self.real else [CPU])]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {name: self.asked.get(name, {}) for name in self.get_providers()}

    def get_provider_graph_assignment_info(self) -> list[Any]:
        counts = self.nodes or {self.get_providers()[0]: 7, CPU: 2}
        return [SimpleNamespace(ep_name=name, get_nodes=lambda n=n: [None] * n) for name, n in counts.items()]

    def get_session_options(self) -> Any:
        return self.options

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="x", type="tensor(float)", shape=["N", 3])]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="y", type="tensor(float)", shape=["N", 3])]


Install = Callable[..., list[Session]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Put the imitation in place; ``broken`` names providers whose libraries are missing."""

    def put(broken: set[str] | None = None, **nodes: int) -> list[Session]:
        made: list[Session] = []
        module: Any = ModuleType("onnxruntime")
        module.__file__ = str(tmp_path / "onnxruntime/__init__.py")
        module.disable_telemetry_events = lambda: None
        module.cuda_version = "13.0"
        module.SessionOptions = _options
        module.ExecutionMode = SimpleNamespace(ORT_SEQUENTIAL=0)
        module.GraphOptimizationLevel = SimpleNamespace(ORT_ENABLE_ALL=99)
        module.preload_dlls = lambda: None
        # With no CUDA library at hand it lists them all the same.
        module.get_available_providers = lambda: [TENSORRT, CUDA, CPU]

        def session(path: str, options: Any, providers: Any, enable_fallback: int) -> Session:
            assert not enable_fallback
            made.append(Session(options, dict(providers), broken or set(), nodes))
            return made[-1]

        module.InferenceSession = session
        monkeypatch.setitem(sys.modules, "onnxruntime", module)
        return made

    return put


def load(config: dict[str, Any], device: str = "gpu:1") -> dict[str, Any]:
    kind = engines.find("onnxruntime")
    assert kind is not None
    with kind(Path("model"), ("inference.onnx",), config, parse(device)) as engine:
        return engine.actual()


def test_every_option_that_changes_numbers_or_memory_is_set(install: Install) -> None:
    made = install()
    actual = load(CONFIG)
    assert made[0].asked == {
        CUDA: {
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
            "cudnn_conv_use_max_workspace": "1",
            "device_id": "1",
            "do_copy_in_default_stream": "1",
            "use_tf32": "0",
        }
    }
    assert actual["device"] == "gpu:1"
    assert actual["nodes"] == {CPU: 2, CUDA: 7}
    assert (actual["use_tf32"], actual["cudnn_conv_algo_search"]) == (False, "HEURISTIC")


def test_a_limit_of_memory_and_options_of_ones_own_are_passed_on(install: Install) -> None:
    made = install()
    load({**CONFIG, "gpu_mem_limit_mib": 512, "provider_options": {"prefer_nhwc": 1}})
    assert made[0].asked[CUDA]["gpu_mem_limit"] == str(512 << 20)
    assert made[0].asked[CUDA]["prefer_nhwc"] == "1"


def test_tensorrt_is_a_provider_before_cuda(install: Install) -> None:
    made = install()
    load({**CONFIG, "execution_provider": "tensorrt"})
    assert list(made[0].asked) == [TENSORRT, CUDA]
    assert made[0].asked[TENSORRT]["trt_fp16_enable"] == "0"


def test_a_session_that_fell_back_to_the_cpu_is_refused_with_the_library_that_is_missing(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(broken={CUDA})
    monkeypatch.setattr("hpi_runtime.doctor.libraries.unloadable", lambda path: "libcublasLt.so.13")
    with pytest.raises(
        EngineError, match=r"plan says providers \['CUDAE.*CPUE.*: `pip install nvidia-cublas` brings libcublasLt"
    ):
        load(CONFIG)
    install(broken={TENSORRT})
    monkeypatch.setattr("hpi_runtime.doctor.libraries.unloadable", lambda path: "libnvinfer.so.10")
    with pytest.raises(EngineError, match=r"`pip install tensorrt-cu13-libs` brings libnvinfer.so.10"):
        load({**CONFIG, "execution_provider": "tensorrt"})


def test_a_session_whose_every_node_is_on_the_cpu_is_refused(install: Install) -> None:
    install(**{CPU: 9})
    with pytest.raises(EngineError, match=r"the plan says provider CUDAExecutionProvider, .* every node by CPUExec"):
        load(CONFIG)


def test_a_device_of_another_kind_is_refused(install: Install) -> None:
    install()
    with pytest.raises(EngineError, match="onnxruntime does not run on npu:0"):
        load(CONFIG, "npu:0")
