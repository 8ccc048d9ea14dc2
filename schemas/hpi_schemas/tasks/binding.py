"""Which input and output of a model is which of its task's: by name, by shape, or by order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from hpi_schemas.tasks import Contract, Tensor

# dtype and dimensions (a number, the name of a symbol, or None) by name; dimensions None where they are not known.
Tensors = Mapping[str, tuple[str, Any]]


class BindError(ValueError):
    """A model whose inputs or outputs are not those of the task; the message is for people."""


class Binding(NamedTuple):
    """The names that a model has for what its task knows by role.

    Attributes:
        inputs: by role; an optional one that the model does not have is absent.
        outputs: by role.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def bind_inputs(contract: Contract, tensors: Tensors) -> dict[str, str]:
    """Return the name of the input that each role has.

    An input that is called like a role is it; the others are found by what only one of them can be. A model with one
    input, of a task that could do without each, has the first that it can be.

    Raises:
        BindError: one is missing, could be several, or is nobody's.
    """
    found = {role: role for role in contract.inputs if role in tensors}
    left = [name for name in tensors if name not in found]
    wanted = {role: tensor for role, tensor in contract.inputs.items() if role not in found}
    if len(tensors) == len(left) == 1 and all(tensor.optional for tensor in wanted.values()):
        able = [role for role, tensor in wanted.items() if fits(tensors[left[0]][1], tensor)]
        return dict(zip(able[:1], left, strict=True)) if able else _refuse(contract, tensors)
    for role, tensor in wanted.items():
        if len(wanted) == len(left) == 1 and not tensor.optional:
            # What else is wrong with it is told by its dtype and dimensions.
            able = left
        else:
            able = [name for name in left if tensors[name][0] in tensor.dtypes and fits(tensors[name][1], tensor)]
        if len(able) == 1 and _rivals(able[0], role, wanted, tensors) == 0:
            found[role] = able[0]
            left.remove(able[0])
        elif not tensor.optional:
            _refuse(contract, tensors)
    if left:
        _refuse(contract, tensors)
    return {role: found[role] for role in contract.inputs if role in found}


def bind_outputs(contract: Contract, names: Sequence[str]) -> dict[str, str]:
    """Return the name of the output that each role has: their order is the contract's, and further ones do not count.

    Raises:
        BindError: there are too few.
    """
    if len(names) < len(contract.outputs):
        wanted = " and ".join(f"{role} ({tensor})" for role, tensor in contract.outputs.items())
        raise BindError(f"the model gives {len(names)} output ({', '.join(names)}), and the task takes {wanted}")
    return dict(zip(contract.outputs, names, strict=False))


def fits(dims: Sequence[Any] | None, tensor: Tensor) -> bool:
    """Tell whether dimensions can be those that a task demands; unknown ones can."""
    if dims is None:
        return True
    return len(dims) == len(tensor.dims) and all(
        isinstance(want, str) or not isinstance(have, int) or have in want
        for want, have in zip(tensor.dims, dims, strict=True)
    )


def _rivals(name: str, role: str, wanted: Mapping[str, Tensor], tensors: Tensors) -> int:
    """Return how many other roles an input could have that a model must have."""
    dtype, dims = tensors[name]
    others = (tensor for other, tensor in wanted.items() if other != role and not tensor.optional)
    return sum(dtype in tensor.dtypes and fits(dims, tensor) for tensor in others) if len(wanted) > 1 else 0


def _refuse(contract: Contract, tensors: Tensors) -> NoReturn:
    raise BindError(_unbound(contract, tensors))


def _unbound(contract: Contract, tensors: Tensors) -> str:
    have = f"the model takes {len(tensors)} input{'s' if len(tensors) > 1 else ''} ({', '.join(tensors)})"
    wanted = [f"{role} ({tensor})" for role, tensor in contract.inputs.items() if not tensor.optional]
    if not wanted:
        return f"{have}, and the task some of {', '.join(contract.inputs)}, by these names"
    if len(wanted) == 1:
        return f"{have}, the task one"
    return f"{have}, and the task {' and '.join(wanted)}: inputs are found by these names, or by their shapes"
