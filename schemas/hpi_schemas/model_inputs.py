"""The names, dtypes and shapes of a model's inputs, read from the model file alone."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from hpi_schemas import wire

Dimension = int | str | None
Inputs = dict[str, tuple[str, list[Dimension]]]
_Header = TypeVar("_Header")

# TensorProto.DataType of onnx/onnx.proto.
_ONNX_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}
# VarType.Type of paddle/fluid/framework/framework.proto.
_PDMODEL_TYPES = {
    0: "bool",
    1: "int16",
    2: "int32",
    3: "int64",
    4: "float16",
    5: "float32",
    6: "float64",
    20: "uint8",
    21: "int8",
    22: "bfloat16",
}
_PIR_TYPES = {
    "t_f32": "float32",
    "t_f16": "float16",
    "t_bf16": "bfloat16",
    "t_f64": "float64",
    "t_i64": "int64",
    "t_i32": "int32",
    "t_i16": "int16",
    "t_i8": "int8",
    "t_ui8": "uint8",
    "t_bool": "bool",
}
_MAX_DEPTH = 64
# A .json program holds no weights; PP-OCRv5_server has 2 MB.
_MAX_PIR_BYTES = 256 << 20


class ModelFileError(ValueError):
    """A model file that is cut off, empty or of another kind than its name says."""


def onnx_header(path: Path) -> tuple[Inputs, list[str]]:
    """Read the inputs of an ONNX file and the external data files that it names.

    Returns:
        The inputs by name (dtype, dimensions: a number, the name of a symbolic dimension,
        or None), and the sorted locations of external tensors relative to the file.

    Raises:
        ModelFileError: the file is not a whole ONNX model.
    """
    return _mapped(path, "an ONNX model", _onnx_header)


def pdmodel_header(path: Path) -> Inputs:
    """Read the inputs of a legacy Paddle program (``.pdmodel``).

    Raises:
        ModelFileError: the file is not a whole Paddle program.
    """
    return _mapped(path, "a Paddle program", _pdmodel_header)


def pir_header(path: Path) -> tuple[Inputs, list[str]]:
    """Read the inputs of a Paddle program in the PIR format (``.json``), and its lists of doubles.

    Returns:
        The inputs by name, and, sorted, ``OPERATOR.ATTRIBUTE`` of each attribute that is a list of doubles: programs
        of Paddle 3.3 have some where older ones have floats, and not every tool reads them.

    Raises:
        ModelFileError: the file is not a whole PIR program.
    """
    try:
        if path.stat().st_size > _MAX_PIR_BYTES:
            raise ModelFileError(f"{path} is too large for a Paddle program without weights")
        program = json.loads(path.read_bytes())
        operations = program["program"]["regions"][0]["blocks"][0]["ops"]
        inputs = dict(_pir_input(item) for item in operations if str(item["#"]).endswith(".data"))
        return inputs, sorted({name for item in operations for name in _double_lists(item)})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not a whole Paddle program ({error})") from None


def paddle_inputs(path: Path) -> Inputs:
    """Read the inputs of a Paddle program of either format.

    Raises:
        ModelFileError: the file is not a whole Paddle program.
    """
    return pir_header(path)[0] if path.suffix == ".json" else pdmodel_header(path)


def _mapped(path: Path, kind: str, read: Callable[[memoryview], _Header]) -> _Header:
    try:
        with path.open("rb") as stream:
            # Not closed by hand: views into it may still hang on an exception; it goes with them.
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return read(memoryview(data))
    except (wire.WireError, ValueError) as error:
        raise ModelFileError(f"{path} is not {kind} ({error})") from None


def _onnx_header(model: memoryview) -> tuple[Inputs, list[str]]:
    graphs = list(wire.messages(model, 7))
    if not graphs:
        raise wire.WireError("it has no graph")
    graph = graphs[-1]
    inputs: Inputs = {}
    weights: set[str] = set()
    external: set[str] = set()
    nodes = 0
    # The key under which a tensor names its file; looking for it is fifty times as fast as reading every node.
    may_be_external = cast("mmap.mmap", model.obj).find(b"location") >= 0
    for number, value in wire.fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            nodes += 1
            if may_be_external:
                external.update(_onnx_node(value))
        elif number == 5:
            weights.add(wire.text(value, 8))
            if may_be_external:
                external.update(_onnx_tensor(value))
        elif number == 11:
            inputs[wire.text(value, 1)] = _onnx_type(value)
    if not nodes:
        raise wire.WireError("its graph is empty")
    real = {name: spec for name, spec in inputs.items() if name not in weights}
    return real, sorted(external)


def _onnx_node(node: memoryview, depth: int = 0) -> Iterator[str]:
    """Yield the external data files that a node's attributes name: constants, and graphs inside it."""
    if depth > _MAX_DEPTH:
        raise wire.WireError("its graphs are nested too deep")
    for attribute in wire.messages(node, 5):
        # AttributeProto: t and tensors, g and graphs.
        for number, value in wire.fields(attribute):
            if not isinstance(value, memoryview):
                continue
            if number in (5, 10):
                yield from _onnx_tensor(value)
            elif number in (6, 11):
                for inner in wire.messages(value, 1):
                    yield from _onnx_node(inner, depth + 1)
                for tensor in wire.messages(value, 5):
                    yield from _onnx_tensor(tensor)


def _onnx_tensor(tensor: memoryview) -> Iterator[str]:
    for entry in wire.messages(tensor, 13):
        if wire.text(entry, 1) == "location":
            yield wire.text(entry, 2)


def _onnx_type(info: memoryview) -> tuple[str, list[Dimension]]:
    for kind in wire.messages(info, 2):
        for tensor in wire.messages(kind, 1):
            dtype = _ONNX_TYPES.get(wire.integer(tensor, 1), "unknown")
            shape = next(wire.messages(tensor, 2), None)
            dims = [] if shape is None else [_onnx_dim(d) for d in wire.messages(shape, 1)]
            return dtype, dims
    return "unknown", []


def _onnx_dim(dim: memoryview) -> Dimension:
    name = wire.text(dim, 2)
    if name:
        return name
    value = wire.integer(dim, 1, -1)
    return value if 0 < value < 1 << 62 else None


def _pdmodel_header(program: memoryview) -> Inputs:
    block = next(wire.messages(program, 1), None)
    if block is None:
        raise wire.WireError("it has no block")
    variables = {wire.text(item, 1): item for item in wire.messages(block, 3)}
    inputs: Inputs = {}
    for operation in wire.messages(block, 4):
        if wire.text(operation, 3) != "feed":
            continue
        for output in wire.messages(operation, 2):
            name = wire.text(output, 2)
            if name in variables:
                inputs[name] = _pdmodel_type(variables[name])
    if not inputs:
        raise wire.WireError("it has no inputs")
    return inputs


def _pdmodel_type(variable: memoryview) -> tuple[str, list[Dimension]]:
    for kind in wire.messages(variable, 2):
        for lod in wire.messages(kind, 3):
            for tensor in wire.messages(lod, 1):
                dtype = _PDMODEL_TYPES.get(wire.integer(tensor, 1), "unknown")
                return dtype, [d if d > 0 else None for d in wire.integers(tensor, 2)]
    return "unknown", []


def _double_lists(operation: dict[str, Any]) -> Iterator[str]:
    for attribute in operation["A"]:
        if not isinstance(attribute, dict):
            # A parameter has flags and a name there.
            return
        value = attribute["AT"]
        if value["#"].endswith(".a_array") and value["D"] and value["D"][0]["#"].endswith(".a_f64"):
            yield f"{str(operation['#']).split('.')[-1]}.{attribute['N']}"


def _pir_input(operation: dict[str, Any]) -> tuple[str, tuple[str, list[Dimension]]]:
    # The first of a list, not `next`: a StopIteration would end the caller's loop.
    name = [a["AT"]["D"] for a in operation["A"] if a["N"] == "name"][0]  # noqa: RUF015
    kind, dims = operation["O"][0]["TT"]["D"][:2]
    dtype = _PIR_TYPES.get(str(kind["#"]).split(".")[-1], "unknown")
    return str(name), (dtype, [d if d > 0 else None for d in dims])
