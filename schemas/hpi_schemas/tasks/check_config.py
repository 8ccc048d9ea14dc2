"""Does an ``inference.yml`` say what its task knows? Operations, their arguments, and postprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpi_schemas import settings, tasks
from hpi_schemas.tasks import Contract, Transforms
from hpi_schemas.tasks.contradiction import Contradiction, Facts, wrong
from hpi_schemas.tasks.rules import fault, short


def processing_faults(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    """Yield what an ``inference.yml`` says that its task does not know."""
    if facts.processing is None:
        return
    if contract.transforms is not None:
        listed = facts.processing.get("transforms")
        found = list(_transforms(contract.transforms, listed))
        yield from found or (*_order(contract, listed), *_multiples(contract, facts))
    yield from _postprocess(contract, facts.processing.get("postprocess"))
    for name, key in contract.companions.items():
        if at(facts.processing.get("postprocess"), key) and facts.files is not None and name not in facts.files:
            yield wrong(f"has `{key}: true`, and there is no {name} beside it", "export it again")


def _transforms(wanted: Transforms, listed: Any) -> Iterator[Contradiction]:
    if not isinstance(listed, list) or not all(isinstance(item, Mapping) and len(item) == 1 for item in listed):
        yield wrong(f"has no usable {_PLACES[wanted.dialect]}: a list of operations, one each entry")
        return
    known = (*wanted.required, *wanted.optional)
    given = [entry for item in listed for entry in item.items()]
    operations = dict(given)
    for name in sorted(operations):
        times = sum(other == name for other, _ in given)
        if times > 1:
            yield wrong(f"names {name} {times} times")
    for name, arguments in operations.items():
        if name not in known:
            yield wrong(f"asks for {name}; known here: {', '.join(known)}")
        elif not isinstance(arguments, (Mapping, type(None))):
            yield wrong(f"{name} takes arguments by name, not {short(arguments)}")
        else:
            yield from _arguments(wanted.dialect, name, arguments or {})
    for name in wanted.required:
        if name not in operations:
            yield wrong(f"does not name {name}, and nobody knows what to do instead")


def _order(contract: Contract, listed: Any) -> Iterator[Contradiction]:
    """Yield which operation comes too early or too late, or gives more than a later one holds."""
    assert contract.transforms is not None
    known = tasks.operations(contract.transforms.dialect)
    state, before = _PICTURE, {}
    for name, arguments in (entry for item in listed for entry in item.items()):
        rules = known[name]
        if rules.get("works_on", state) != state:
            yield wrong(
                f"has {name} {'before' if state == _PICTURE else 'behind'} the operation that puts channels first"
            )
        state = rules.get("makes", state)
        before[name] = arguments or {}
        for key, rule in rules.get("arguments", {}).items():
            other, _, argument = rule.get("holds", "").partition(".")
            inner = before.get(other, {}).get(argument)
            if inner and any(small > large for small, large in zip(inner, before[name][key], strict=True)):
                yield wrong(f"{name}.{key} must hold {other}.{argument}, {inner}, and is {before[name][key]}")


_PICTURE = "picture"
_PLACES = {
    **dict.fromkeys(("classic", "clip"), "PreProcess.transform_ops"),
    "detector": "Preprocess",
    "deploy": "Deploy.transforms",
}


# Where postprocessing stands, and what a file without such a place lacks.
_SECTIONS = dict.fromkeys(("classic", "clip"), "PostProcess")
_HERE = "description of what the model takes"


def _multiples(contract: Contract, facts: Facts) -> Iterator[Contradiction]:
    for source in contract.size:
        sides = argument(contract, source, facts) if "transform" in source else None
        if isinstance(sides, list) and any(side % contract.multiple for side in sides):
            named = f"{source['transform']}.{source['argument']}"
            yield wrong(f"{named} must hold multiples of {contract.multiple}, not {short(sides)}")


def _arguments(dialect: str, name: str, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    known = tasks.operations(dialect)[name]
    rules: Mapping[str, Mapping[str, Any]] = known.get("arguments", {})
    if not known.get("is_open", False):
        for key in given:
            if key not in rules:
                yield wrong(f"{name} has no argument {key}; known: {', '.join(rules) or 'none'}")
    for key, rule in rules.items():
        if given.get(key) is None and not rule.get("required", False):
            continue
        problem = fault(given.get(key), rule)
        if problem is None and "by" in rule:
            choice = str(given.get(rule["by"]) or next(iter(rule["only"])))
            if str(given[key]).upper() not in rule["only"].get(choice, ()):
                problem = f"must be one of {', '.join(rule['only'].get(choice, ()))} with {choice}"
        if problem is not None:
            yield wrong(f"{name}.{key} {problem}, not {short(given.get(key))}")
    needed = known.get("needs_one_of", ())
    if needed and all(given.get(key) is None for key in needed):
        yield wrong(f"{name} needs {' or '.join(needed)}")


def _postprocess(contract: Contract, given: Any) -> Iterator[Contradiction]:
    if not contract.postprocess:
        return
    dialect = "" if contract.transforms is None else contract.transforms.dialect
    if not isinstance(given, Mapping):
        yield wrong(f"has no {_SECTIONS.get(dialect, _HERE)}")
        return
    for key, rule in contract.postprocess.items():
        value = at(given, key)
        if value is None and not rule.get("required", False):
            continue
        problem = _problem(contract, value, rule)
        if problem is not None:
            named = f"PostProcess.{key}" if dialect in _SECTIONS else key
            yield wrong(f"{named} {problem}, not {short(value)}", _mend(key, value))


def _problem(contract: Contract, value: Any, rule: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a value: by a rule of its own, or by that of the setting that comes before it."""
    if "setting" not in rule:
        return fault(value, rule)
    found = settings.fault(value, contract.settings[rule["setting"]])
    return None if found is None else f"must be {found}"


def at(value: Any, key: str) -> Any:
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


def argument(contract: Contract, source: Mapping[str, Any], facts: Facts) -> Any:
    """Return the argument of an operation that fixes sizes, None if nothing does."""
    listed = (facts.processing or {}).get("transforms") or []
    operations = {name: arguments or {} for item in listed for name, arguments in item.items()}
    arguments = operations.get(source["transform"])
    if arguments is None:
        return None
    if arguments.get(source.get("free_with", "")) or arguments.get(
        source.get("free_unless_off", ""), "free_unless_off" in source
    ):
        return None
    assert contract.transforms is not None
    rule = tasks.operations(contract.transforms.dialect)[source["transform"]]["arguments"][source["argument"]]
    value = arguments.get(source["argument"])
    value = rule.get("default") if value is None else value
    return value[:1] if value is not None and arguments.get(source.get("first_with", "")) else value
