"""Random questions to ask both PaddleX and us, the same ones on every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from support.conformance import Choice

_HPIP = (True, False, None, "True", "False", "false", 1, 0)
_BACKENDS = ("paddle", "openvino", "onnxruntime", "tensorrt", "om", None)
_OPTIONS: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {"cpu_num_threads": 4},
    {"cpu_threads": 2},
    {"run_mode": "mkldnn"},
    {"run_mode": "paddle"},
    {"precision": "fp16"},
)
_ENGINES = ("hpi", "paddle", "paddle_static", "paddle_dynamic", "onnxruntime", "transformers", "flexible", None, "none")
_ENGINE_CONFIGS: tuple[Any, ...] = (
    None,
    {},
    {"backend": "onnxruntime"},
    {"run_mode": "paddle"},
    {"hpi": {"backend": "paddle"}},
    {"hpi": {"backend": "openvino"}, "paddle_static": {"run_mode": "mkldnn"}},
    {"hpi": {}, "run_mode": "paddle"},
)
_DEVICES = ("cpu", "gpu", "gpu:0", "GPU:0", "gpu:0,1", "npu:0", "cpu:0", "tpu", "gpu:a", "", "gpu:0:1")


def _hpi_config(rng: random.Random) -> Any:
    config: dict[str, Any] = {}
    if rng.random() < 0.7:
        config["backend"] = rng.choice((*_BACKENDS, "ort"))
    if rng.random() < 0.4:
        config["backend_config"] = rng.choice(_OPTIONS)
    if rng.random() < 0.2:
        config["auto_config"] = rng.choice((True, False))
    if rng.random() < 0.2:
        config["auto_paddle2onnx"] = rng.choice((True, False))
    if rng.random() < 0.05:
        config["bakend"] = "openvino"
    return rng.choice((config, config, config, config, None, {}, "onnxruntime", ["paddle"]))


def _nodes(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the pipeline, its sub-pipelines and modules, and the sections that hold them."""
    yield pipeline
    for section in ("SubPipelines", "SubModules"):
        children = pipeline.get(section)
        if isinstance(children, dict):
            yield children
            for child in children.values():
                if isinstance(child, dict):
                    yield from _nodes(child)


def _set(rng: random.Random, node: dict[str, Any]) -> None:
    kind = rng.random()
    if kind < 0.3:
        node["use_hpip"] = rng.choice(_HPIP)
    elif kind < 0.6:
        node["hpi_config"] = _hpi_config(rng)
    elif kind < 0.7:
        node["engine"] = rng.choice(_ENGINES)
    elif kind < 0.8:
        node["engine_config"] = rng.choice(_ENGINE_CONFIGS)
    elif kind < 0.9:
        flags = [key for key in node if str(key).startswith("use_")]
        if flags:
            node[rng.choice(flags)] = rng.choice((True, False, None, "no"))
    elif kind < 0.95 and "model_name" in node:
        node["batch_size"] = rng.choice((1, 8, None))
    elif node:
        key = rng.choice(list(node))
        if rng.random() < 0.5:
            del node[key]
        else:
            node[key] = None


def pipelines(shipped: Mapping[str, str], count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield mutated pipelines with API overrides.

    Args:
        shipped: the YAML of each pipeline, by name.
        count: how many.
        seed: of the random numbers.
    """
    rng = random.Random(seed)
    for _ in range(count):
        pipeline = yaml.safe_load(shipped[rng.choice(sorted(shipped))])
        for _ in range(rng.randint(1, 4)):
            _set(rng, rng.choice(list(_nodes(pipeline))))
        given: dict[str, Any] = {}
        if rng.random() < 0.3:
            given["use_hpip"] = rng.choice((True, False))
        if rng.random() < 0.3:
            config = _hpi_config(rng)
            given["hpi_config"] = config if isinstance(config, dict) else {}
        if rng.random() < 0.15:
            given["engine"] = rng.choice([name for name in _ENGINES if name])
        if rng.random() < 0.1:
            given["engine_config"] = rng.choice(_ENGINE_CONFIGS[1:])
        if rng.random() < 0.25:
            given["device"] = rng.choice(_DEVICES)
        yield yaml.safe_dump(pipeline, sort_keys=False, allow_unicode=True), given


_MODULE_OPTIONS = (
    "Predict.use_hpip=True",
    "Predict.use_hpip=False",
    "Predict.use_hpip=on",
    "Predict.use_hpip=no",
    "Predict.use_hpip=None",
    "Predict.hpi_config={'backend': 'onnxruntime'}",
    "Predict.hpi_config={'backend': 'paddle', 'backend_config': {'run_mode': 'mkldnn'}}",
    "Predict.hpi_config.backend=openvino",
    "Predict.hpi_config.backend=None",
    "Predict.hpi_config.auto_config=False",
    "Predict.hpi_config.backend_config.cpu_num_threads=4",
    "Predict.engine=hpi",
    "Predict.engine=onnxruntime",
    "Predict.engine_config={'hpi': {'backend': 'openvino'}}",
    "Predict.model_dir=somewhere",
    "Predict.kernel_option.run_mode=paddle",
    "Global.device=cpu",
    "Global.device=gpu:1",
    "Predict.use_hpip",
    "Nowhere.at.all=1",
)


def modules(shipped: Mapping[str, str], count: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Yield shipped module files with ``-o`` options."""
    rng = random.Random(seed)
    names = sorted(shipped)
    for _ in range(count):
        yield shipped[rng.choice(names)], rng.sample(_MODULE_OPTIONS, rng.randint(0, 3))


def choices(models: tuple[str, ...], count: int, seed: int) -> Iterator[Choice]:
    """Yield questions about backends on all kinds of machines."""
    rng = random.Random(seed)
    versions = ((3, 0, 0, None), (3, 1, 0, None), (3, 1, 1, None), (3, 2, 2, None), (3, 3, 0, "rc0"))
    odd_versions = ((3, 0, 1, None), (3, 0, 0, "beta2"), (2, 6, 2, None), (0, 0, 0, None))
    for _ in range(count):
        device = rng.choices(("cpu", "gpu", "npu"), (10, 10, 1))[0]
        config: dict[str, Any] = {"model_name": rng.choice((*models, "NoSuchModel")), "device_type": device}
        if rng.random() < 0.3:
            config["backend"] = rng.choice(_BACKENDS)
        if rng.random() < 0.3:
            options = (*_OPTIONS, {"run_mode": None}, {"run_mode": "trt_fp16"}, {"precision": "fp32"})
            config["backend_config"] = rng.choice(options)
        if rng.random() < 0.2:
            config["auto_config"] = rng.choice((True, False))
        if rng.random() < 0.2:
            config["auto_paddle2onnx"] = rng.choice((True, False))
        yield Choice(
            hpi_config=config,
            formats=rng.choice((["paddle"], ["onnx"], ["paddle", "onnx"], ["paddle", "onnx", "om"])),
            built={name: rng.random() < 0.8 for name in ("om", "openvino", "ort", "trt")},
            paddle2onnx=rng.random() < 0.8,
            mkldnn=rng.random() < 0.8,
            tensorrt=rng.random() < 0.7,
            paddle=rng.choice(versions if rng.random() < 0.9 else odd_versions),
            cuda=rng.choices(([11, 8], [12, 6], [13, 0], [10, 2], None), (8, 8, 1, 1, 1))[0],
            machine=rng.choices(("x86_64", "aarch64"), (12, 1))[0],
        )
