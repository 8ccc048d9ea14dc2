"""What paddle2onnx 2.1.0 writes and no runtime takes, put right; what a model computes stays the same.

Seen in SLANet_plus, whose decoder is a loop. ONNX Runtime and OpenVINO refuse the model as it is converted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_CONDITION = "a loop's condition is a scalar"
_CHOICE = "a choice between truth values is logic"
_MOST = (1 << 63) - 1
# What gives truth values, and what hands on those of its first input.
_LOGIC = frozenset({"And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or", "Xor", "IsNaN"})
_SAME = frozenset(
    {
        *("Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape"),
        *("Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    }
)


def repair(model: onnx.ModelProto) -> list[str]:
    """Put a model right, in place.

    Returns:
        What was done, in words; empty if there was nothing to do.
    """
    done = {*_logical_choices(model.graph, frozenset())}
    if not _is_valid(model):
        done |= {*_scalar_conditions(model.graph)}
    if done:
        # Declared shapes are those of before.
        del model.graph.value_info[:]
    return sorted(done)


def _is_valid(model: onnx.ModelProto) -> bool:
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def _scalar_conditions(graph: onnx.GraphProto) -> Iterator[str]:
    """Make the conditions of loops scalars, as ONNX wants them; paddle2onnx writes tensors of one element."""
    from onnx import helper

    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for body in _bodies(node):
            yield from _scalar_conditions(body)
        if node.op_type == "Loop" and node.input[1]:
            yield _CONDITION
            (body,) = _bodies(node)
            nodes += _scalar(node.input[1])
            node.input[1] = nodes[-1].output[0]
            if not node.input[0]:
                # OpenVINO wants a greatest number of turns.
                most = f"{node.output[0]}_most"
                nodes.append(helper.make_node("Constant", [], [most], value_int=_MOST))
                node.input[0] = most
            steps = _scalar(body.output[0].name)
            body.node.extend(steps)
            body.output[0].name = steps[-1].output[0]
            for value in (body.input[1], body.output[0]):
                value.type.tensor_type.shape.Clear()
            _forget_scalars(body, [*body.input[2:], *body.output[1:]])
            _rename(body, {value.name: f"{value.name}_turn" for value in body.input})
        nodes.append(node)
    _put(graph, nodes)


def _forget_scalars(graph: onnx.GraphProto, values: Iterable[onnx.ValueInfoProto]) -> None:
    """Take declared shapes back where scalars are declared and tensors of one element come too, branches included."""
    for value in values:
        if not value.type.tensor_type.shape.dim:
            value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    for node in graph.node:
        for body in _bodies(node):
            _forget_scalars(body, [*body.input, *body.output])


def _rename(body: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give the inputs of a loop's body names of their own: OpenVINO takes those of the values around it for these."""
    for value in body.input:
        value.name = names[value.name]
    _rename_uses(body, names)


def _rename_uses(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
        for body in _bodies(node):
            _rename_uses(body, names)
    for value in graph.output:
        value.name = names.get(value.name, value.name)


def _scalar(name: str) -> list[onnx.NodeProto]:
    """Return steps that make a tensor of one element a scalar."""
    from onnx import TensorProto, helper

    none = helper.make_tensor("none", TensorProto.INT64, [0], [])
    return [
        helper.make_node("Constant", [], [f"{name}_no_shape"], value=none),
        helper.make_node("Reshape", [name, f"{name}_no_shape"], [f"{name}_scalar"]),
    ]


def _logical_choices(graph: onnx.GraphProto, outer: frozenset[str]) -> Iterator[str]:
    """Write a choice between truth values as logic: for ``Where``, runtimes have no kernel of that type."""
    from onnx import TensorProto, helper

    known = {*outer, *(item.name for item in graph.initializer if item.data_type == TensorProto.BOOL)}
    known |= {item.name for item in graph.input if item.type.tensor_type.elem_type == TensorProto.BOOL}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for body in _bodies(node):
            yield from _logical_choices(body, frozenset(known))
        if _is_truth(node, known):
            known.update(node.output)
        if node.op_type != "Where" or known.isdisjoint(node.input[1:]):
            nodes.append(node)
            continue
        yield _CHOICE
        condition, one, other = node.input
        name = node.output[0]
        nodes += [
            helper.make_node("And", [condition, one], [f"{name}_one"]),
            helper.make_node("Not", [condition], [f"{name}_not"]),
            helper.make_node("And", [f"{name}_not", other], [f"{name}_other"]),
            helper.make_node("Or", [f"{name}_one", f"{name}_other"], [name]),
        ]
        known.add(name)
    _put(graph, nodes)


def _is_truth(node: onnx.NodeProto, known: Collection[str]) -> bool:
    """Tell whether a node gives truth values."""
    from onnx import TensorProto

    values = {item.name: item for item in node.attribute}
    if node.op_type == "Cast":
        return bool(values["to"].i == TensorProto.BOOL)
    if node.op_type in ("Constant", "ConstantOfShape"):
        return "value" in values and values["value"].t.data_type == TensorProto.BOOL
    return node.op_type in _LOGIC or (node.op_type in _SAME and node.input[0] in known)


def _bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _put(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    # Those that stay are messages of the graph's own, and gone with it.
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
