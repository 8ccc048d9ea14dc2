"""Does a model fit its task? A pure comparison of recorded facts with the task's contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpi_schemas import tasks
from hpi_schemas.settings import fault
from hpi_schemas.tasks import Contract, Tensor
from hpi_schemas.tasks.binding import BindError, bind_inputs, bind_outputs, fits
from hpi_schemas.tasks.check_config import argument, at, processing_faults
from hpi_schemas.tasks.contradiction import BATCH, CONFIG, MODEL, Contradiction, Facts
from hpi_schemas.tasks.rules import entries, is_size, short
from hpi_schemas.value_types import is_of


def contradictions(task: str, facts: Facts) -> list[Contradiction]:
    """Return what keeps a model from doing a task; none for a task without a contract.

    The settings are those that may stand in a plan: each is of its type, and within its bounds.
    """
    contract = tasks.find(task)
    if contract is None:
        return []
    found = [*_sizes(contract, facts), *processing_faults(contract, facts)]
    # Sizes are worked out from these: only where they make sense.
    return found or [*_inputs(contract, facts), *_outputs(contract, facts)]


def idle_settings(task: str, facts: Facts) -> list[Contradiction]:
    """Return the settings that change nothing, for they name a class which the model does not have."""
    contract = tasks.find(task)
    if contract is None:
        return []
    told = (facts.processing or {}).get("postprocess")
    listed = {
        key: entries(at(told, key)) for key, rule in contract.postprocess.items() if rule.get("type") == "entries"
    }
    found = []
    for name in (name for name, setting in contract.settings.items() if setting.by_class):
        value = facts.settings.get(name)
        for key, count in listed.items():
            # What else is no class at all is told where settings are checked.
            keys = map(str, value) if isinstance(value, Mapping) else ()
            # No list is longer than 18 digits say.
            numbers = [int(key[:18]) for key in keys if key.isdecimal()]
            unknown = [number for number in numbers if count and number >= count]
            if unknown:
                message = f"`{name}` names the class {min(unknown)}, and {CONFIG} lists {count} in {key}, from 0"
                found.append(Contradiction(name, message))
    return found


# -- settings ------------------------------------------------------------------------------------


def setting_faults(contract: Contract, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each setting of a plan that the contract does not allow, with what is wrong with it."""
    for name, setting in contract.settings.items():
        value = settings.get(name)
        problem = None if value is None else fault(value, setting)
        if problem is not None:
            yield name, f"`{name}` must be {problem}, not {short(value)}"


def _sizes(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    for source in contract.size:
        name = source.get("setting")
        value = facts.settings.get(name) if name is not None else None
        if name is None or value is None:
            continue
        order = source["order"]
        wanted = f"`{name}` must be [{', '.join(_AXES[axis] for axis in order)}]"
        if is_size(value) and is_of(value, contract.settings[name].type):
            value = [value] * len(order)
        if not isinstance(value, list) or len(value) != len(order) or not all(map(is_size, value)):
            yield Contradiction(name, f"{wanted}, not {value}")
            continue
        sizes = dict(zip(order, value, strict=True))
        if sizes.get("C", 3) != 3:
            yield Contradiction(name, f"{wanted} with 3 channels, not {value}")
        elif any(sizes[axis] % contract.multiple for axis in "HW"):
            yield Contradiction(name, f"{wanted} with multiples of {contract.multiple}, not {value}")


_AXES = {"C": "channels", "H": "height", "W": "width"}


# -- tensors -------------------------------------------------------------------------------------


def _inputs(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    if not facts.inputs:
        return
    try:
        bound = bind_inputs(contract, facts.inputs)
    except BindError as fault:
        yield Contradiction(MODEL, str(fault))
        return
    problems = [_unlike(name, "input", facts.inputs[name], contract.inputs[role]) for role, name in bound.items()]
    if any(problems):
        yield from filter(None, problems)
        return
    if contract.inputs_listed:
        yield from _listed(contract, facts, bound)
        return
    for role, name in bound.items():
        dims = facts.inputs[name][1]
        if dims is not None and contract.inputs[role].dims[2:] == ("H", "W"):
            yield from _batch(contract, facts, name, dims[0])
            yield from _sides(contract, facts, name, dims[2], dims[3])


def _listed(contract: Contract, facts: Facts, bound: Mapping[str, str]) -> Iterator[Contradiction]:
    """Yield where the inputs of a model are not those that its ``inference.yml`` lists."""
    listed = at((facts.processing or {}).get("postprocess"), contract.inputs_listed)
    if not isinstance(listed, Mapping):
        return
    unknown = sorted(str(role) for role in set(listed) - set(contract.inputs))
    if unknown:
        known = ", ".join(contract.inputs)
        yield Contradiction(MODEL, f"{CONFIG} lists {unknown[0]} in {contract.inputs_listed}; known here: {known}")
        return
    # The only one may be called anything.
    roles = dict.fromkeys(listed) if len(listed) == len(bound) == 1 else dict.fromkeys(bound)
    if set(listed) != set(roles):
        have, want = ", ".join(sorted(bound.values())), ", ".join(sorted(map(str, listed)))
        message = f"{CONFIG} lists {want} in {contract.inputs_listed}, and the model takes {have}"
        yield Contradiction(MODEL, message, "take the list that belongs to this model")
        return
    for role, name in zip(roles, bound.values(), strict=True):
        dims, shape = facts.inputs[name][1], listed[role]
        if dims is None:
            continue
        yield from _batch(contract, facts, name, dims[0])
        fixed = zip(dims[1:], shape[1:], strict=True) if isinstance(shape, list) and len(shape) == len(dims) else ()
        if any(isinstance(have, int) and is_size(want) and have != want for have, want in fixed):
            message = f"the model's input `{name}` has the shape {_shown(dims)}, and {CONFIG} says {shape}"
            yield Contradiction(MODEL, message, f"take the {CONFIG} that belongs to this model")


def _batch(contract: Contract, facts: Facts, name: str, fixed: Any) -> Iterator[Contradiction]:
    if not isinstance(fixed, int):
        return
    if fixed != 1:
        message = f"the model's input `{name}` takes exactly {fixed} pictures at a time, and the last batch is smaller"
        yield Contradiction(MODEL, message, "export the model with a free batch, or a batch of 1")
    elif contract.is_batched and facts.batch_size > 1:
        message = f"the model's input `{name}` takes one picture at a time, and `batch_size` is {facts.batch_size}"
        yield Contradiction(BATCH, message, "write `batch_size: 1`, or export the model with a free batch")


def _sides(contract: Contract, facts: Facts, name: str, height: Any, width: Any) -> Iterator[Contradiction]:
    fixed = {axis: side for axis, side in (("H", height), ("W", width)) if isinstance(side, int)}
    if not fixed:
        return
    given, source = _given(contract, facts)
    wrong = {axis: side for axis, side in fixed.items() if given.get(axis) != side}
    if not wrong:
        return
    sides = " and ".join(f"a {_AXES[axis]} of {side}" for axis, side in fixed.items())
    setting, order = next(((item["setting"], item["order"]) for item in contract.size if "setting" in item), (None, ""))
    have = " and ".join(f"{_AXES[axis]} {given[axis]}" for axis in wrong if axis in given)
    but = f"{source} gives {have}" if have else "the pictures get sizes of their own"
    where = setting if setting is not None and source == f"`{setting}`" else MODEL
    if have and where == MODEL:
        mend = f"take the {CONFIG} that belongs to this model; or export the model with a free size"
    elif setting is not None:
        value = [3 if axis == "C" else fixed.get(axis, given.get(axis, _AXES[axis])) for axis in order]
        mend = f"write `{setting}: [{', '.join(map(str, value))}]`, or export the model with a free size"
    else:
        mend = "export the model with a free size"
    yield Contradiction(where, f"the model's input `{name}` has {sides}, and {but}", mend)


def _given(contract: Contract, facts: Facts) -> tuple[dict[str, int], str]:
    """Return height and width as far as something fixes them, and what does."""
    for source in contract.size:
        if "setting" in source:
            value, named = facts.settings.get(source["setting"]), f"`{source['setting']}`"
        else:
            value, named = argument(contract, source, facts), f"{source['transform']}.{source['argument']} of {CONFIG}"
        if value is not None:
            sides = value if isinstance(value, list) else [value] * len(source["order"])
            return {axis: side for axis, side in zip(source["order"], sides, strict=False) if axis != "C"}, named
    return {}, ""


def _outputs(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    if not facts.outputs:
        return
    try:
        bound = bind_outputs(contract, list(facts.outputs))
    except BindError as fault:
        yield Contradiction(MODEL, str(fault))
        return
    for place, (role, name) in enumerate(bound.items()):
        wanted = contract.outputs[role]
        # What follows is arithmetic, which takes doubles too.
        problem = _unlike(name, f"{_ORDINALS[place]} output", facts.outputs[name], wanted, also="float64")
        dims = facts.outputs[name][1]
        if problem is not None:
            yield problem
        elif dims is not None and "classes" in wanted.dims:
            yield from _classes(contract, facts, dims[wanted.dims.index("classes")])


_ORDINALS = ("first", "second", "third")


def _classes(contract: Contract, facts: Facts, classes: Any) -> Iterator[Contradiction]:
    if not isinstance(classes, int) or facts.processing is None:
        return
    for key, rule in contract.postprocess.items():
        if rule.get("type") != "entries":
            continue
        count = entries(at(facts.processing.get("postprocess"), key))
        if count is not None and count + rule["classes"] != classes:
            listed = f"{CONFIG} lists {count:,} entries in {key.rpartition('.')[2]}"
            if rule["classes"]:
                listed += f", which make {count + rule['classes']:,} classes with those for {rule['beside']}"
            message = f"{listed}; the model has {classes:,} classes"
            yield Contradiction(MODEL, message, "take the list that the model was trained with")


def _unlike(name: str, what: str, tensor: tuple[str, Any], wanted: Tensor, also: str = "") -> Contradiction | None:
    dtype, dims = tensor
    if dtype not in wanted.dtypes and not (dtype == also and "float32" in wanted.dtypes):
        return Contradiction(MODEL, f"the model's {what} `{name}` is {dtype}, and the task takes {wanted}")
    if dims is None or fits(dims, wanted):
        return None
    told = f"the model's {what} `{name}` is {dtype} {_shown(dims)}, and the task takes {wanted}"
    return Contradiction(MODEL, told)


def _shown(dims: Sequence[Any]) -> str:
    return f"[{', '.join('?' if dim is None else str(dim) for dim in dims)}]"
