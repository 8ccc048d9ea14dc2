"""The names, dtypes and shapes of a model's inputs, read from the model file alone."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hpi_schemas import onnx_files, wire

Dimension = int | str | None
Tensors = dict[str, tuple[str, list[Dimension]]]
OutputTensors = dict[str, tuple[str, list[Dimension] | None]]
_Header = TypeVar("_Header")


class Header(NamedTuple):
    """What a model file says of itself.

    Attributes:
        inputs: dtype and dimensions by name: a number, the name of a symbolic dimension, or None.
        outputs: the same, in order; of one that does not tell its shape, the dimensions are None.
        external: the sorted locations of tensors in other files, relative to the file.
        double_lists: ``OPERATOR.ATTRIBUTE``, sorted, of each attribute that is a list of doubles: programs of Paddle
            3.3 have some where older ones have floats, and not every tool reads them.
    """

    inputs: Tensors
    outputs: OutputTensors
    external: list[str]
    double_lists: list[str]


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
# Operators of Paddle that read files by names of their own, or call Python.
_PADDLE_READERS = frozenset({"load", "load_combine", "py_func", "read", "read_file"})
# A .json program holds no weights; PP-OCRv5_server has 2 MB.
_MAX_PIR_BYTES = 256 << 20


class ModelFileError(ValueError):
    """A model file that is cut off, empty or of another kind than its name says."""


def read_header(path: Path) -> Header:
    """Read what a model file says of itself: ``.onnx``, ``.pdmodel`` or ``.json``.

    Raises:
        ModelFileError: the file is not a whole model of the kind that its name says, or reads other files in a way
            that cannot be accounted for.
        OSError: it cannot be read.
    """
    if path.suffix == ".json":
        return _pir_header(path)
    if path.suffix == ".pdmodel":
        return _mapped(path, "a Paddle program", _pdmodel_header)
    return _mapped(path, "an ONNX model", _onnx_header)


def _pir_header(path: Path) -> Header:
    try:
        if path.stat().st_size > _MAX_PIR_BYTES:
            raise ModelFileError(f"{path} is too large for a Paddle program without weights")
        program = json.loads(path.read_bytes())
        operations = program["program"]["regions"][0]["blocks"][0]["ops"]
        for item in operations:
            _check_paddle(str(item["#"]).split(".")[-1])
        inputs = dict(_pir_tensor(item) for item in operations if str(item["#"]).endswith(".data"))
        outputs = dict(_pir_tensor(item) for item in operations if str(item["#"]).endswith(".fetch"))
        doubles = sorted({name for item in operations for name in _double_lists(item)})
        return Header(inputs, dict(outputs), [], doubles)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not a whole Paddle program ({error})") from None


def _mapped(path: Path, kind: str, read: Callable[[memoryview], _Header]) -> _Header:
    try:
        with path.open("rb") as stream:
            # Not closed by hand: views into it may still hang on an exception; it goes with them.
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return read(memoryview(data))
    except (wire.WireError, ValueError) as error:
        raise ModelFileError(f"{path} is not {kind} ({error})") from None


def _onnx_header(model: memoryview) -> Header:
    graphs = list(wire.messages(model, 7))
    if len(graphs) != 1:
        # Readers of protocol buffers merge several; no exporter writes such a file.
        raise wire.WireError("it has two graphs" if graphs else "it has no graph")
    graph = graphs[0]
    tensors: dict[int, OutputTensors] = {11: {}, 12: {}}
    weights: set[str] = set()
    nodes = 0
    for number, value in wire.fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            nodes += 1
        elif number == 5:
            weights.add(wire.text(value, 8))
        elif number in tensors:
            tensors[number][wire.text(value, 1)] = _onnx_type(value)
    if not nodes:
        raise wire.WireError("its graph is empty")
    inputs = {name: (dtype, dims or []) for name, (dtype, dims) in tensors[11].items() if name not in weights}
    return Header(inputs, dict(tensors[12]), onnx_files.external(model), [])


def _onnx_type(info: memoryview) -> tuple[str, list[Dimension] | None]:
    kind = wire.message(info, 2)
    tensor = None if kind is None else wire.message(kind, 1)
    if tensor is None:
        return "unknown", []
    shape = wire.message(tensor, 2)
    # Without a shape it may have any; a scalar has one without dimensions.
    dims = None if shape is None else [_onnx_dim(d) for d in wire.messages(shape, 1)]
    return _ONNX_TYPES.get(wire.integer(tensor, 1), "unknown"), dims


def _onnx_dim(dim: memoryview) -> Dimension:
    name = wire.text(dim, 2)
    if name:
        return name
    value = wire.integer(dim, 1, -1)
    return value if 0 < value < 1 << 62 else None


def _pdmodel_header(program: memoryview) -> Header:
    block = next(wire.messages(program, 1), None)
    if block is None:
        raise wire.WireError("it has no block")
    for item in wire.messages(program, 1):
        for operation in wire.messages(item, 4):
            _check_paddle(wire.text(operation, 3))
    variables = {wire.text(item, 1): item for item in wire.messages(block, 3)}
    # The parameters of an operation: 1 is what goes in, 2 what comes out.
    inputs = _pdmodel_ends(block, variables, "feed", 2)
    if not inputs:
        raise wire.WireError("it has no inputs")
    return Header(inputs, dict(_pdmodel_ends(block, variables, "fetch", 1)), [], [])


def _pdmodel_ends(block: memoryview, variables: dict[str, memoryview], kind: str, parameters: int) -> Tensors:
    found: Tensors = {}
    for operation in wire.messages(block, 4):
        if wire.text(operation, 3) != kind:
            continue
        for parameter in wire.messages(operation, parameters):
            name = wire.text(parameter, 2)
            if name in variables:
                found[name] = _pdmodel_type(variables[name])
    return found


def _check_paddle(operator: str) -> None:
    if operator in _PADDLE_READERS:
        raise ModelFileError(
            f"it is a Paddle program with the operator {operator}, which reads other files or runs code"
        )


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


def _pir_tensor(operation: dict[str, Any]) -> tuple[str, tuple[str, list[Dimension]]]:
    # The first of a list, not `next`: a StopIteration would end the caller's loop.
    name = [a["AT"]["D"] for a in operation["A"] if a["N"] == "name"][0]  # noqa: RUF015
    kind, dims = operation["O"][0]["TT"]["D"][:2]
    dtype = _PIR_TYPES.get(str(kind["#"]).split(".")[-1], "unknown")
    return str(name), (dtype, [d if d > 0 else None for d in dims])
