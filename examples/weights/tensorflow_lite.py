"""Models of TensorFlow Lite as ONNX: the operators that MediaPipe's have, with pictures as N × C × H × W."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from weights.graph import Array, Writer

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
# From N × H × W × C, and back.
_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def convert(source: Path, write: Writer, name: str) -> list[str]:
    """Write the nodes of a model, whose input is called ``name``, and return its outputs."""
    return _Converter(source.read_bytes(), write, name).outputs()


class _Converter:
    def __init__(self, data: bytes, write: Writer, name: str) -> None:
        self._model = tflite.Model.GetRootAs(data, 0)
        self._graph = self._model.Subgraphs(0)
        self._write = write
        self._constants = dict(filter(None, map(self._constant, range(self._graph.TensorsLength()))))
        self._values: dict[int, str] = {int(self._graph.InputsAsNumpy()[0]): name}

    def outputs(self) -> list[str]:
        for place in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(place)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = code.CustomCode() or max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            inputs = [int(item) for item in operator.InputsAsNumpy() if item >= 0]
            _OPERATORS[kind](self, operator, inputs, int(operator.OutputsAsNumpy()[0]))
        return [self._values[int(item)] for item in self._graph.OutputsAsNumpy()]

    def shape(self, tensor: int) -> list[int]:
        return [int(size) for size in self._graph.Tensors(tensor).ShapeAsNumpy()]

    def _constant(self, tensor: int) -> tuple[int, Array] | None:
        described = self._graph.Tensors(tensor)
        data = self._model.Buffers(described.Buffer()).DataAsNumpy()
        if not isinstance(data, np.ndarray) or not data.size:
            return None
        return tensor, np.frombuffer(data.tobytes(), _DTYPES[described.Type()]).reshape(self.shape(tensor))

    def value(self, tensor: int) -> str:
        """Return the name of a tensor's value; a constant is made one, with its channels first."""
        if tensor not in self._values:
            given = self._constants[tensor].astype(np.float32)
            # Of one for each channel, and of single numbers.
            own = given.transpose(_FIRST) if given.ndim == 4 else given.reshape(-1, 1, 1)
            self._values[tensor] = self._write.constant(own, np.float32)
        return self._values[tensor]

    # -- operators -----------------------------------------------------------------------------

    def dequantize(self, _: Any, inputs: list[int], out: int) -> None:
        self._constants[out] = self._constants[inputs[0]].astype(np.float32)

    def convolution(self, operator: Any, inputs: list[int], out: int) -> None:
        # Filters × height × width × channels.
        self._convolution(_options(operator, tflite.Conv2DOptions), inputs, out, _FIRST, 1)

    def depthwise(self, operator: Any, inputs: list[int], out: int) -> None:
        channels = self.shape(inputs[0])[3]
        self._convolution(_options(operator, tflite.DepthwiseConv2DOptions), inputs, out, [3, 0, 1, 2], channels)

    def _convolution(self, options: Any, inputs: list[int], out: int, order: list[int], groups: int) -> None:
        weights = self._constants[inputs[1]].astype(np.float32).transpose(order)
        strides = (options.StrideH(), options.StrideW())
        constants = [
            self._write.constant(weights, np.float32),
            self._write.constant(self._constants[inputs[2]], np.float32),
        ]
        kernel = weights.shape[2:]
        pads = self._pads(options, self.shape(inputs[0])[1:3], kernel, strides)
        attributes = {"group": groups, "strides": strides, "pads": pads, "kernel_shape": kernel}
        made = self._write.add("Conv", self._values[inputs[0]], *constants, **attributes)
        self._values[out] = self._activated(made, options.FusedActivationFunction())

    def transposed(self, _: Any, inputs: list[int], out: int) -> None:
        # MediaPipe's own: filters × height × width × channels, which double the sides.
        weights = self._constants[inputs[1]].astype(np.float32).transpose([3, 0, 1, 2])
        constants = [self._write.constant(item, np.float32) for item in (weights, self._constants[inputs[2]])]
        attributes = {"strides": [2, 2], "kernel_shape": weights.shape[2:]}
        self._values[out] = self._write.add("ConvTranspose", self.value(inputs[0]), *constants, **attributes)

    def largest(self, operator: Any, inputs: list[int], out: int) -> None:
        self._pool("MaxPool", operator, inputs, out)

    def mean(self, operator: Any, inputs: list[int], out: int) -> None:
        self._pool("AveragePool", operator, inputs, out)

    def _pool(self, name: str, operator: Any, inputs: list[int], out: int) -> None:
        options = _options(operator, tflite.Pool2DOptions)
        kernel, strides = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
        pads = self._pads(options, self.shape(inputs[0])[1:3], kernel, strides)
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
        self._values[out] = self._write.add(name, self.value(inputs[0]), **attributes)

    def sum(self, operator: Any, inputs: list[int], out: int) -> None:
        options = _options(operator, tflite.AddOptions)
        made = self._write.add("Add", *map(self.value, inputs))
        self._values[out] = self._activated(made, options.FusedActivationFunction())

    def product(self, operator: Any, inputs: list[int], out: int) -> None:
        options = _options(operator, tflite.MulOptions)
        made = self._write.add("Mul", *map(self.value, inputs))
        self._values[out] = self._activated(made, options.FusedActivationFunction())

    def relu(self, _: Any, inputs: list[int], out: int) -> None:
        self._values[out] = self._write.add("Relu", self.value(inputs[0]))

    def sigmoid(self, _: Any, inputs: list[int], out: int) -> None:
        self._values[out] = self._write.add("Sigmoid", self.value(inputs[0]))

    def hard_swish(self, _: Any, inputs: list[int], out: int) -> None:
        own = self.value(inputs[0])
        self._values[out] = self._write.add("Mul", own, self._write.add("HardSigmoid", own, alpha=1 / 6, beta=0.5))

    def resize(self, operator: Any, inputs: list[int], out: int) -> None:
        options, shape = _options(operator, tflite.ResizeBilinearOptions), self.shape(out)
        way = (
            "align_corners" if options.AlignCorners() else "half_pixel" if options.HalfPixelCenters() else "asymmetric"
        )
        sizes = self._write.constant([shape[axis] for axis in _FIRST])
        attributes = {"mode": "linear", "coordinate_transformation_mode": way}
        self._values[out] = self._write.add("Resize", self.value(inputs[0]), "", "", sizes, **attributes)

    def spread(self, operator: Any, inputs: list[int], out: int) -> None:
        size = _options(operator, tflite.DepthToSpaceOptions).BlockSize()
        self._values[out] = self._write.add("DepthToSpace", self.value(inputs[0]), blocksize=size, mode="DCR")

    def pad(self, _: Any, inputs: list[int], out: int) -> None:
        before, behind = self._constants[inputs[1]].astype(np.int64)[_FIRST].T
        pads = self._write.constant([*before, *behind])
        self._values[out] = self._write.add("Pad", self._values[inputs[0]], pads)

    def reshape(self, _: Any, inputs: list[int], out: int) -> None:
        # Only at the end, where rows of a picture become boxes.
        last = self._write.add("Transpose", self._values[inputs[0]], perm=_LAST)
        self._values[out] = self._write.add("Reshape", last, self._write.constant(self.shape(out)))

    def concatenate(self, operator: Any, inputs: list[int], out: int) -> None:
        # Of pictures the last axis, which is ours of channels; of boxes the one of theirs.
        axis = _options(operator, tflite.ConcatenationOptions).Axis()
        is_picture = len(self.shape(out)) == len(_FIRST)
        self._values[out] = self._write.add("Concat", *map(self.value, inputs), axis=1 if is_picture else axis)

    # ------------------------------------------------------------------------------------------

    def _pads(self, options: Any, sizes: list[int], kernel: Any, strides: Any) -> list[int]:
        """Return the padding of ONNX: of both sides at their beginning, then at their end."""
        if options.Padding() != tflite.Padding.SAME:
            return [0, 0, 0, 0]
        both = [
            max((-(-size // stride) - 1) * stride + width - size, 0)
            for size, width, stride in zip(sizes, kernel, strides, strict=True)
        ]
        return [*(pad // 2 for pad in both), *(pad - pad // 2 for pad in both)]

    def _activated(self, made: str, function: int) -> str:
        if function == tflite.ActivationFunctionType.RELU6:
            limits = (self._write.constant(limit, np.float32) for limit in (0, 6))
            return self._write.add("Clip", made, *limits)
        return self._write.add("Relu", made) if function == tflite.ActivationFunctionType.RELU else made


def _options(operator: Any, kind: Any) -> Any:
    options, table = kind(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


_NAMES = tflite.BuiltinOperator
_OPERATORS: Mapping[int | bytes, Callable[[_Converter, Any, list[int], int], None]] = {
    b"Convolution2DTransposeBias": _Converter.transposed,
    _NAMES.ADD: _Converter.sum,
    _NAMES.AVERAGE_POOL_2D: _Converter.mean,
    _NAMES.CONCATENATION: _Converter.concatenate,
    _NAMES.CONV_2D: _Converter.convolution,
    _NAMES.DEPTHWISE_CONV_2D: _Converter.depthwise,
    _NAMES.DEPTH_TO_SPACE: _Converter.spread,
    _NAMES.DEQUANTIZE: _Converter.dequantize,
    _NAMES.HARD_SWISH: _Converter.hard_swish,
    _NAMES.LOGISTIC: _Converter.sigmoid,
    _NAMES.MAX_POOL_2D: _Converter.largest,
    _NAMES.MUL: _Converter.product,
    _NAMES.PAD: _Converter.pad,
    _NAMES.RELU: _Converter.relu,
    _NAMES.RESHAPE: _Converter.reshape,
    _NAMES.RESIZE_BILINEAR: _Converter.resize,
}
