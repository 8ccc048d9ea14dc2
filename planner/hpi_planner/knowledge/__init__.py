"""Prior knowledge: what PaddleX's makers measured on their machines, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

# The newest table; it counts where the target has no Paddle or a newer one.
NEWEST_TABLE = "paddle311"
# Where neither the model nor its kin was ever ranked. Per device the order in which backends
# come first most often in the newest table.
GENERIC_ORDER = {
    "cpu": ("openvino", "onnxruntime", "paddle_mkldnn", "paddle"),
    "gpu": ("onnxruntime", "tensorrt", "paddle"),
    "npu": ("om", "paddle"),
}


@cache
def _data(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


@cache
def _places() -> dict[str, int]:
    return {name: index for index, name in enumerate(_data("rankings")["models"])}


def ranking(environment: str, table: str, model: str) -> tuple[str, ...] | None:
    """Return the backends ranked for a model, fastest first, or None if it was not ranked.

    Args:
        environment: ``cpu_x64``, ``gpu_cuda11`` or ``gpu_cuda12``.
        table: ``paddle30``, ``paddle31`` or ``paddle311``.
        model: the PaddleX model name.

    Returns:
        Entries such as ``openvino``, ``paddle_mkldnn`` or ``tensorrt_fp16``.
    """
    place = _places().get(model)
    if place is None:
        return None
    data = _data("rankings")
    for letters, ranges in data["rankings"][environment][table].items():
        if _within(place, ranges):
            return tuple(data["codes"][letter] for letter in letters)
    return None


def _within(place: int, ranges: str) -> bool:
    for item in ranges.split(","):
        first, _, last = item.partition("-")
        if int(first) <= place <= int(last or first):
            return True
    return False


def blocked(feature: str, model: str) -> bool:
    """Tell whether PaddleX keeps a model away from ``tensorrt``, ``mkldnn`` or ``new_ir``."""
    return model in _data("blocklists")[feature]


def unconvertible(backend: str, model: str, paddle2onnx: str, double_lists: Sequence[str]) -> str | None:
    """Return why a model is known not to run on a backend when it is converted, None if nothing is known against it.

    Args:
        backend: that is to run it.
        model: the PaddleX model name.
        paddle2onnx: the version that converts it.
        double_lists: attributes of the program that are lists of doubles, ``OPERATOR.ATTRIBUTE``.
    """
    data = _data("conversion")
    if model in data["models"]:
        return str(data["models"][model])
    if model in data["refused"].get(backend, {}):
        return str(data["refused"][backend][model])
    version = _release(paddle2onnx)
    for entry in data["double_lists"]:
        if version <= _release(entry["up_to"]) and any(fnmatchcase(item, entry["attribute"]) for item in double_lists):
            return str(entry["why"])
    return None


def _release(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def trt_settings(model: str) -> dict[str, Any]:
    """Return what PaddleX sets in Paddle's ``TensorRTConfig`` for a model."""
    found: dict[str, Any] = _data("trt_settings")["models"].get(model, {})
    return found


@cache
def _modules() -> dict[str, str]:
    return {model: module for module, models in _data("modules")["modules"].items() for model in models}


def module_of(model: str) -> str | None:
    """Return the ``module_name`` of a PaddleX model, or None for an unknown one."""
    return _modules().get(model)


def all_models() -> tuple[str, ...]:
    """Return every model of PaddleX."""
    return tuple(_modules())


def known_models(module_name: str) -> tuple[str, ...]:
    """Return PaddleX's models of a module."""
    return tuple(_data("modules")["modules"].get(module_name, ()))


@cache
def _engines() -> dict[str, tuple[str, ...]]:
    return {
        model: tuple(engines.split(",")) for engines, models in _data("engines")["engines"].items() for model in models
    }


def engines_of(model: str) -> tuple[str, ...] | None:
    """Return PaddleX's engines that a model can run on, or None for an unknown model."""
    return _engines().get(model)


def ranked_models() -> tuple[str, ...]:
    """Return the models that PaddleX ranks."""
    return tuple(_places())
