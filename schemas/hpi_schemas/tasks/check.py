"""Does a model fit its task? A pure comparison of recorded facts with the task's contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas import tasks
from hpi_schemas.tasks import Contract, Tensor, Transforms
from hpi_schemas.tasks.binding import BindError, Tensors, bind_inputs, bind_outputs, fits
from hpi_schemas.tasks.rules import entries, fault, is_size, short
from hpi_schemas.value_types import is_of

CONFIG = "inference.yml"
# What a contradiction is about: the place in the YAML that it is shown at.
MODEL, BATCH = "model", "batch_size"


@dataclass(frozen=True)
class Facts:
    """What is known of a model.

    Attributes:
        inputs, outputs: in order; empty where its file does not tell.
        processing: as ``processing`` returns it; None where it is not known.
        settings: the plan's, of the module.
        batch_size: pictures that a run takes at most.
    """

    inputs: Tensors
    outputs: Tensors
    processing: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    batch_size: int


@dataclass(frozen=True)
class Contradiction:
    """Something in which a model contradicts its task.

    Attributes:
        where: ``model``, ``batch_size``, or the name of a setting.
        message: what, for people.
        help: how to mend it, None if nobody knows.
    """

    where: str
    message: str
    help: str | None = None


def contradictions(task: str, facts: Facts) -> list[Contradiction]:
    """Return what keeps a model from doing a task; none for a task without a contract."""
    contract = tasks.find(task)
    if contract is None:
        return []
    found = [*_settings(contract, facts), *_processing(contract, facts)]
    # Sizes are worked out from these: only where they make sense.
    return found or [*_inputs(contract, facts), *_outputs(contract, facts)]


# -- settings ------------------------------------------------------------------------------------


def _settings(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
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


# -- inference.yml -------------------------------------------------------------------------------


def _processing(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    if facts.processing is None:
        return
    if contract.transforms is not None:
        wrong = list(_transforms(contract.transforms, facts.processing.get("transforms")))
        yield from wrong or _multiples(contract, facts)
    yield from _postprocess(contract, facts.processing.get("postprocess"))


def _transforms(wanted: Transforms, listed: Any) -> Iterator[Contradiction]:
    if not isinstance(listed, list) or not all(isinstance(item, Mapping) and len(item) == 1 for item in listed):
        yield _wrong(f"has no usable {_PLACES[wanted.dialect]}: a list of operations, one each entry")
        return
    known = (*wanted.required, *wanted.optional)
    operations = {name: arguments for item in listed for name, arguments in item.items()}
    for name, arguments in operations.items():
        if name not in known:
            yield _wrong(f"asks for {name}; known here: {', '.join(known)}")
        elif not isinstance(arguments, (Mapping, type(None))):
            yield _wrong(f"{name} takes arguments by name, not {short(arguments)}")
        else:
            yield from _arguments(wanted.dialect, name, arguments or {})
    for name in wanted.required:
        if name not in operations:
            yield _wrong(f"does not name {name}, and nobody knows what to do instead")


_PLACES = {"classic": "PreProcess.transform_ops", "detector": "Preprocess"}


def _multiples(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    for source in contract.size:
        sides = _argument(contract, source, facts) if "transform" in source else None
        if isinstance(sides, list) and any(side % contract.multiple for side in sides):
            named = f"{source['transform']}.{source['argument']}"
            yield _wrong(f"{named} must hold multiples of {contract.multiple}, not {short(sides)}")


def _arguments(dialect: str, name: str, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    known = tasks.operations(dialect)[name]
    rules: Mapping[str, Mapping[str, Any]] = known.get("arguments", {})
    if not known.get("is_open", False):
        for key in given:
            if key not in rules:
                yield _wrong(f"{name} has no argument {key}; known: {', '.join(rules) or 'none'}")
    for key, rule in rules.items():
        if given.get(key) is None and not rule.get("required", False):
            continue
        problem = fault(given.get(key), rule)
        if problem is None and "by" in rule:
            choice = str(given.get(rule["by"]) or next(iter(rule["only"])))
            if str(given[key]).upper() not in rule["only"].get(choice, ()):
                problem = f"must be one of {', '.join(rule['only'].get(choice, ()))} with {choice}"
        if problem is not None:
            yield _wrong(f"{name}.{key} {problem}, not {short(given.get(key))}")
    needed = known.get("needs_one_of", ())
    if needed and all(given.get(key) is None for key in needed):
        yield _wrong(f"{name} needs {' or '.join(needed)}")


def _postprocess(contract: Contract, given: Any) -> Iterator[Contradiction]:
    if not contract.postprocess:
        return
    if not isinstance(given, Mapping):
        yield _wrong("has no PostProcess")
        return
    for key, rule in contract.postprocess.items():
        value = _at(given, key)
        if value is None and not rule.get("required", False):
            continue
        problem = fault(value, rule)
        if problem is not None:
            yield _wrong(f"PostProcess.{key} {problem}, not {short(value)}", _mend(key, value))


def _at(value: Any, key: str) -> Any:
    """Return what stands at a dotted key, None if nothing does."""
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _mend(key: str, value: Any) -> str | None:
    if key != "character_dict" or value is not None:
        return None
    return (
        "a `character_dict_path` names a file of the training; PaddleX writes the characters themselves when it exports"
    )


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
    for role, name in bound.items():
        dims = facts.inputs[name][1]
        if dims is not None and contract.inputs[role].dims[2:] == ("H", "W"):
            yield from _batch(contract, facts, name, dims[0])
            yield from _sides(contract, facts, name, dims[2], dims[3])


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
            value, named = _argument(contract, source, facts), f"{source['transform']}.{source['argument']} of {CONFIG}"
        if value is not None:
            sides = value if isinstance(value, list) else [value] * len(source["order"])
            return {axis: side for axis, side in zip(source["order"], sides, strict=False) if axis != "C"}, named
    return {}, ""


def _argument(contract: Contract, source: Mapping[str, Any], facts: Facts) -> Any:
    listed = (facts.processing or {}).get("transforms") or []
    operations = {name: arguments or {} for item in listed for name, arguments in item.items()}
    arguments = operations.get(source["transform"])
    if arguments is None:
        return None
    if arguments.get(source.get("free_with", "")):
        return None
    assert contract.transforms is not None
    rule = tasks.operations(contract.transforms.dialect)[source["transform"]]["arguments"][source["argument"]]
    value = arguments.get(source["argument"])
    value = rule.get("default") if value is None else value
    return value[:1] if value is not None and arguments.get(source.get("first_with", "")) else value


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
        if rule["type"] != "entries":
            continue
        count = entries(_at(facts.processing.get("postprocess"), key))
        if count is not None and count + rule["classes"] != classes:
            listed = f"{CONFIG} lists {count:,} entries in {key.rpartition('.')[2]}"
            if rule["classes"]:
                listed += f", which make {count + rule['classes']:,} classes with those for blank and space"
            message = f"{listed}; the model has {classes:,} classes"
            yield Contradiction(MODEL, message, "take the list that the model was trained with")


def _unlike(name: str, what: str, tensor: tuple[str, Any], wanted: Tensor, also: str = "") -> Contradiction | None:
    dtype, dims = tensor
    if dtype not in wanted.dtypes and not (dtype == also and "float32" in wanted.dtypes):
        return Contradiction(MODEL, f"the model's {what} `{name}` is {dtype}, and the task takes {wanted}")
    if dims is None or fits(dims, wanted):
        return None
    have = ", ".join("?" if dim is None else str(dim) for dim in dims)
    return Contradiction(MODEL, f"the model's {what} `{name}` is {dtype} [{have}], and the task takes {wanted}")


def _wrong(message: str, help: str | None = None) -> Contradiction:
    return Contradiction(MODEL, f"{CONFIG} {message}", help)
