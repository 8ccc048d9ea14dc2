"""Turns the example's ONNX models into Paddle static models with the same weights.

For tests and benchmarks that need Paddle-format models without a model hub. It interprets the ONNX
graph with Paddle's static operators and saves the program, as ``inference.json`` (PIR) or
``inference.pdmodel`` (legacy). Only the operators of these models are known.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Attributes = dict[str, Any]
_MAX_INT32 = 2**31 - 1


class Converter:
    """Builds the Paddle program of one ONNX graph."""

    def __init__(self, graph: Any, is_legacy: bool) -> None:
        """Take a GraphProto."""
        import paddle
        from onnx import helper, numpy_helper

        self._paddle = paddle
        self._functional = paddle.nn.functional
        self._attribute = helper.get_attribute_value
        self._to_array = numpy_helper.to_array
        self._graph = graph
        self._is_legacy = is_legacy
        self._constants = {tensor.name: self._to_array(tensor) for tensor in graph.initializer}
        self._values: dict[str, Any] = {}
        self._parameters = 0

    def build(self) -> tuple[Any, Any]:
        """Return the input and the output variable."""
        known = set(self._constants)
        entry = next(item for item in self._graph.input if item.name not in known)
        shape = [dim.dim_value if dim.dim_value > 0 else -1 for dim in entry.type.tensor_type.shape.dim]
        source = self._paddle.static.data(entry.name, shape, "float32")
        self._values[entry.name] = source
        for node in self._graph.node:
            attributes = {item.name: self._attribute(item) for item in node.attribute}
            if node.op_type == "Constant":
                self._constants[node.output[0]] = self._to_array(attributes["value"])
            elif node.op_type == "Identity" and node.input[0] in self._constants:
                self._constants[node.output[0]] = self._constants[node.input[0]]
            else:
                operation: Callable[[list[str], Attributes], Any] = getattr(self, f"_{node.op_type.lower()}")
                self._values[node.output[0]] = operation(list(node.input), attributes)
        return source, self._values[self._graph.output[0].name]

    # -- operands --------------------------------------------------------------------------------

    def _get(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._parameter(self._constants[name])
        return self._values[name]

    def _parameter(self, array: Any) -> Any:
        paddle = self._paddle
        if array.dtype != "float32":
            return paddle.assign(array)
        self._parameters += 1
        array = array if array.ndim else array.reshape(1)
        initializer = paddle.nn.initializer.Assign(array)
        attr = paddle.ParamAttr(name=f"p_{self._parameters}", initializer=initializer, trainable=False)
        return paddle.create_parameter(list(array.shape), "float32", attr=attr)

    def _numbers(self, name: str) -> list[Any]:
        return list(self._constants[name].tolist())

    def _scalar(self, name: str) -> float | None:
        array = self._constants.get(name)
        if array is None or array.size != 1 or array.dtype != "float32":
            return None
        return float(array.reshape(-1)[0])

    def _raw(self, kind: str, inputs: dict[str, Any], attributes: Attributes | None = None) -> Any:
        """Append a legacy operator; some Python functions refuse legacy programs."""
        from paddle.base.layer_helper import LayerHelper

        helper = LayerHelper(kind)
        out = helper.create_variable_for_type_inference(dtype="float32")
        helper.append_op(type=kind, inputs=inputs, outputs={"Out": out}, attrs=attributes or {})
        return out

    def _unary(self, kind: str, function: Callable[[Any], Any], name: str) -> Any:
        return self._raw(kind, {"X": self._get(name)}) if self._is_legacy else function(self._get(name))

    def _binary(self, inputs: list[str], function: Callable[[Any, Any], Any]) -> Any:
        left, right = inputs
        if (number := self._scalar(right)) is not None:
            return function(self._get(left), number)
        if (number := self._scalar(left)) is not None:
            return function(number, self._get(right))
        return function(self._get(left), self._get(right))

    # -- operators, by their ONNX names ----------------------------------------------------------

    def _identity(self, inputs: list[str], _: Attributes) -> Any:
        return self._get(inputs[0])

    def _add(self, inputs: list[str], _: Attributes) -> Any:
        return self._binary(inputs, lambda left, right: left + right)

    def _sub(self, inputs: list[str], _: Attributes) -> Any:
        return self._binary(inputs, lambda left, right: left - right)

    def _mul(self, inputs: list[str], _: Attributes) -> Any:
        return self._binary(inputs, lambda left, right: left * right)

    def _div(self, inputs: list[str], _: Attributes) -> Any:
        return self._binary(inputs, lambda left, right: left / right)

    def _pow(self, inputs: list[str], _: Attributes) -> Any:
        return self._binary(inputs, lambda left, right: left**right)

    def _conv(self, inputs: list[str], attributes: Attributes) -> Any:
        padding: Any = _pads(attributes)
        if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b""):
            padding = {b"SAME_UPPER": "SAME", b"VALID": "VALID"}[attributes["auto_pad"]]
        return self._functional.conv2d(
            self._get(inputs[0]),
            self._get(inputs[1]),
            self._get(inputs[2]) if len(inputs) > 2 else None,
            stride=list(attributes.get("strides", [1, 1])),
            padding=padding,
            dilation=list(attributes.get("dilations", [1, 1])),
            groups=attributes.get("group", 1),
        )

    def _convtranspose(self, inputs: list[str], attributes: Attributes) -> Any:
        bias = self._get(inputs[2]) if len(inputs) > 2 else None
        stride = list(attributes["strides"])
        return self._functional.conv2d_transpose(self._get(inputs[0]), self._get(inputs[1]), bias, stride=stride)

    def _batchnormalization(self, inputs: list[str], attributes: Attributes) -> Any:
        source, scale, bias, mean, variance = (self._get(name) for name in inputs)
        epsilon = attributes.get("epsilon", 1e-5)
        return self._functional.batch_norm(source, mean, variance, scale, bias, training=False, epsilon=epsilon)

    def _relu(self, inputs: list[str], _: Attributes) -> Any:
        return self._functional.relu(self._get(inputs[0]))

    def _sigmoid(self, inputs: list[str], _: Attributes) -> Any:
        return self._unary("sigmoid", self._functional.sigmoid, inputs[0])

    def _erf(self, inputs: list[str], _: Attributes) -> Any:
        return self._unary("erf", self._paddle.erf, inputs[0])

    def _sqrt(self, inputs: list[str], _: Attributes) -> Any:
        return self._unary("sqrt", self._paddle.sqrt, inputs[0])

    def _hardsigmoid(self, inputs: list[str], attributes: Attributes) -> Any:
        slope, offset = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
        return self._functional.hardsigmoid(self._get(inputs[0]), slope=slope, offset=offset)

    def _clip(self, inputs: list[str], attributes: Attributes) -> Any:
        low = self._scalar(inputs[1]) if len(inputs) > 1 and inputs[1] else attributes.get("min")
        high = self._scalar(inputs[2]) if len(inputs) > 2 and inputs[2] else attributes.get("max")
        return self._paddle.clip(self._get(inputs[0]), low, high)

    def _globalaveragepool(self, inputs: list[str], _: Attributes) -> Any:
        return self._functional.adaptive_avg_pool2d(self._get(inputs[0]), 1)

    def _maxpool(self, inputs: list[str], attributes: Attributes) -> Any:
        size, stride, padding = _pool(attributes)
        ceil = bool(attributes.get("ceil_mode", 0))
        return self._functional.max_pool2d(self._get(inputs[0]), size, stride, padding, ceil_mode=ceil)

    def _averagepool(self, inputs: list[str], attributes: Attributes) -> Any:
        size, stride, padding = _pool(attributes)
        ceil, exclusive = bool(attributes.get("ceil_mode", 0)), not attributes.get("count_include_pad", 0)
        return self._functional.avg_pool2d(
            self._get(inputs[0]), size, stride, padding, ceil_mode=ceil, exclusive=exclusive
        )

    def _resize(self, inputs: list[str], attributes: Attributes) -> Any:
        assert attributes["mode"] == b"nearest", "only nearest-neighbour resizing is known"
        scales = self._numbers(inputs[2])
        source = self._get(inputs[0])
        # Sizes, not factors: Paddle stores factors as doubles, which its converter refuses.
        shape = self._paddle.shape(source)
        size = [shape[2] * int(scales[2]), shape[3] * int(scales[3])]
        return self._functional.interpolate(source, size=size, mode="nearest")

    def _reducemean(self, inputs: list[str], attributes: Attributes) -> Any:
        keep = bool(attributes.get("keepdims", 1))
        return self._paddle.mean(self._get(inputs[0]), axis=list(attributes["axes"]), keepdim=keep)

    def _concat(self, inputs: list[str], attributes: Attributes) -> Any:
        parts = [self._get(name) for name in inputs]
        if any(name in self._constants and self._constants[name].dtype.kind == "i" for name in inputs):
            parts = [self._paddle.cast(part, "int32") for part in parts]
        return self._paddle.concat(parts, axis=attributes["axis"])

    def _matmul(self, inputs: list[str], _: Attributes) -> Any:
        left, right = (self._get(name) for name in inputs)
        if self._is_legacy:
            return self._raw("matmul_v2", {"X": left, "Y": right}, {"trans_x": False, "trans_y": False})
        return self._paddle.matmul(left, right)

    def _transpose(self, inputs: list[str], attributes: Attributes) -> Any:
        return self._paddle.transpose(self._get(inputs[0]), list(attributes["perm"]))

    def _softmax(self, inputs: list[str], attributes: Attributes) -> Any:
        return self._functional.softmax(self._get(inputs[0]), axis=attributes.get("axis", -1))

    def _shape(self, inputs: list[str], _: Attributes) -> Any:
        return self._paddle.shape(self._get(inputs[0]))

    def _slice(self, inputs: list[str], _: Attributes) -> Any:
        starts, ends = self._numbers(inputs[1]), self._numbers(inputs[2])
        axes = self._numbers(inputs[3]) if len(inputs) > 3 else list(range(len(starts)))
        return self._paddle.slice(self._get(inputs[0]), axes, starts, [min(end, _MAX_INT32) for end in ends])

    def _squeeze(self, inputs: list[str], attributes: Attributes) -> Any:
        return self._paddle.squeeze(self._get(inputs[0]), axis=self._axes(inputs, attributes))

    def _unsqueeze(self, inputs: list[str], attributes: Attributes) -> Any:
        return self._paddle.unsqueeze(self._get(inputs[0]), axis=self._axes(inputs, attributes))

    def _axes(self, inputs: list[str], attributes: Attributes) -> list[int]:
        return list(attributes["axes"]) if "axes" in attributes else self._numbers(inputs[1])

    def _cast(self, inputs: list[str], attributes: Attributes) -> Any:
        return self._paddle.cast(self._get(inputs[0]), {1: "float32", 6: "int32", 7: "int64"}[attributes["to"]])

    def _reshape(self, inputs: list[str], _: Attributes) -> Any:
        if inputs[1] in self._constants:
            return self._paddle.reshape(self._get(inputs[0]), self._numbers(inputs[1]))
        shape = self._paddle.cast(self._get(inputs[1]), "int32")
        return self._paddle.reshape(self._get(inputs[0]), shape)


def _pads(attributes: Attributes) -> list[int]:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    return [top, bottom, left, right]


def _pool(attributes: Attributes) -> tuple[list[int], list[int], Any]:
    is_same = attributes.get("auto_pad", b"NOTSET") == b"SAME_UPPER"
    padding = "SAME" if is_same else _pads(attributes)
    return list(attributes["kernel_shape"]), list(attributes["strides"]), padding


def convert(source: Path, target: Path, is_legacy: bool) -> None:
    """Write the Paddle twin of a PaddleX-style folder with an ONNX model; a process converts one format only."""
    if is_legacy:
        os.environ["FLAGS_enable_pir_api"] = "0"  # noqa: SIM112 (Paddle's name)
    import onnx
    import paddle

    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup):
        entry, output = Converter(onnx.load(source / "inference.onnx").graph, is_legacy).build()
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        target.mkdir(parents=True, exist_ok=True)
        paddle.static.save_inference_model(str(target / "inference"), [entry], [output], executor, program=main)
    shutil.copyfile(source / "inference.yml", target / "inference.yml")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a model folder with inference.onnx")
    parser.add_argument("target", type=Path, help="the folder of its Paddle twin")
    parser.add_argument("--legacy", action="store_true", help="inference.pdmodel instead of inference.json")
    arguments = parser.parse_args()
    convert(arguments.source, arguments.target, arguments.legacy)
