"""What a picture shows, as a vector: EfficientNet-Lite0, trained on ImageNet, up to its pooled features.

The package holds it as PyTorch wrote it before 1.6: pickles, then the numbers of each storage. It is read without
PyTorch, and of the pickles nothing is taken but tensors.
"""

from __future__ import annotations

import collections
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from weights.graph import Array, Writer, value

SIZE = 224
FEATURES = 1280
CONFIG: dict[str, Any] = {
    "Global": {"model_name": "PP-ShiTuV2_rec"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [SIZE, SIZE]}},
            # What it was trained with: (x - 127) / 128.
            {"NormalizeImage": {"mean": [127 / 255] * 3, "std": [128 / 255] * 3, "scale": 1 / 255, "order": ""}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"NormalizeFeatures": None},
}
# Stages of the network: repeats, stride of the first block, expansion (EfficientNet-B0 of arXiv:1905.11946; Lite leaves
# out squeeze-and-excitation, and clips at 6).
_STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
_EPSILON = 1e-3
_HEADERS = 3
_TYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


def make(path: Path) -> onnx.ModelProto:
    """Return the network, from a picture to 1280 numbers."""
    network = _Network(_tensors(path))
    value_ = network.convolved("x", "_conv_stem", "_bn0", 2)
    block = 0
    for repeats, stride, expansion in _STAGES:
        for number in range(repeats):
            value_ = network.block(value_, f"_blocks.{block}.", stride if number == 0 else 1, expansion, number > 0)
            block += 1
    write = network.write
    pooled = write.add("GlobalAveragePool", network.convolved(value_, "_conv_head", "_bn1", 1))
    write.named(write.add("Flatten", pooled), "feature")
    inputs = [value("x", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])]
    outputs = [value("feature", TensorProto.FLOAT, ["N", FEATURES])]
    graph = helper.make_graph(write.nodes, "efficientnet_lite0", inputs, outputs, write.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return made


class _Network:
    """Writes convolutions with the normalisation of their batch folded into them."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self.write = Writer("v")
        self._tensors = tensors
        self._size = SIZE

    def convolved(
        self, source: str, name: str, norm: str, stride: int, groups: int = 1, is_clipped: bool = True
    ) -> str:
        """Add a convolution; TensorFlow, where it was trained, pads more at the end where the sides are not equal."""
        weights, kept = self._tensors[f"{name}.weight"], self._tensors
        factor = kept[f"{norm}.weight"] / np.sqrt(kept[f"{norm}.running_var"] + _EPSILON)
        bias = kept[f"{norm}.bias"] - kept[f"{norm}.running_mean"] * factor
        kernel = weights.shape[2]
        out = -(-self._size // stride)
        total = max((out - 1) * stride + kernel - self._size, 0)
        self._size = out
        before, after = total // 2, total - total // 2
        constants = [self.write.constant(item, np.float32) for item in (weights * factor[:, None, None, None], bias)]
        found = self.write.add(
            "Conv", source, *constants, strides=[stride] * 2, pads=[before, before, after, after], group=groups
        )
        limits = [self.write.constant(limit, np.float32) for limit in (0, 6)] if is_clipped else []
        return self.write.add("Clip", found, *limits) if is_clipped else found

    def block(self, source: str, prefix: str, stride: int, expansion: int, is_added: bool) -> str:
        """Add an inverted residual block."""
        found = source
        if expansion != 1:
            found = self.convolved(found, f"{prefix}_expand_conv", f"{prefix}_bn0", 1)
        groups = self._tensors[f"{prefix}_depthwise_conv.weight"].shape[0]
        found = self.convolved(found, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride, groups)
        found = self.convolved(found, f"{prefix}_project_conv", f"{prefix}_bn2", 1, is_clipped=False)
        return self.write.add("Add", source, found) if is_added else found


class _Tensor(NamedTuple):
    storage: tuple[str, str]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: tuple[str, str], offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_KNOWN: Mapping[tuple[str, str], Callable[..., Any] | str] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    **{("torch", name): name for name in _TYPES},
}


class _Pickles(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is nothing of tensors")
        return _KNOWN[module, name]

    def persistent_load(self, told: Any) -> tuple[str, str]:
        _, kind, key, *_ = told
        return kind, key


def _tensors(path: Path) -> dict[str, Array]:
    with path.open("rb") as stream:
        for _ in range(_HEADERS):
            _Pickles(stream).load()
        tensors: Mapping[str, _Tensor] = _Pickles(stream).load()
        kinds = {key: _TYPES[kind] for kind, key in (tensor.storage for tensor in tensors.values())}
        storages = {key: _storage(stream, kinds[key]) for key in _Pickles(stream).load()}
    return {name: _array(tensor, storages[tensor.storage[1]]) for name, tensor in tensors.items()}


def _storage(stream: BinaryIO, dtype: Any) -> Array:
    (count,) = struct.unpack("<q", stream.read(8))
    return np.frombuffer(stream.read(count * np.dtype(dtype).itemsize), dtype)


def _array(tensor: _Tensor, storage: Array) -> Array:
    strides = [step * storage.itemsize for step in tensor.strides]
    found: Array = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
    return found
