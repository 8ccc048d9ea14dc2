"""Checking values against the JSON Schemas in this folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from hpi_schemas import conformity

_FOLDER = Path(__file__).parent
# How many faults are told, and how many are looked for.
_MOST, _MOST_SORTED = 20, 1000
# Of a place, and of what is said of it.
_LONGEST_PLACE, _LONGEST = 300, 200
# Numbers, texts, lists and objects in a document: the plan of our example with four models has 482.
_MOST_VALUES = {"plan": 200_000, "candidates": 1_000_000, "bundle": 1_000_000}


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema ``NAME.schema.json`` (draft 2020-12) as plain JSON values."""
    value: dict[str, Any] = json.loads((_FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return value


def faults(name: str, value: Any) -> list[str]:
    """Return what is wrong with ``value``, one line each, and how much more; none when it is valid.

    Args:
        name: ``pipeline``, ``target``, ``plan``, ``candidates``, ``profile``, ``bundle`` or ``results``.
        value: plain JSON values.
    """
    most = _MOST_VALUES.get(name)
    if most is not None and _has_more_values(value, most):
        return [f"it holds more than {most:,} values"]
    documents = {schema(item)["$id"]: schema(item) for item in ("target", "plan")}
    if conformity.conforms(value, schema(name), documents):
        return []
    from referencing import Registry, Resource

    # A registry of its own: a reference is looked up here or nowhere, never on the network.
    referred = [(item, Resource.from_contents(contents)) for item, contents in documents.items()]
    registry: Any = Registry().with_resources(referred)
    errors = (
        leaf for error in _validator()(schema(name), registry=registry).iter_errors(value) for leaf in _leaves(error)
    )
    try:
        found = list(islice(errors, _MOST_SORTED))
        more = next(errors, None) is not None
    except RecursionError:
        return ["it is nested too deeply"]
    found.sort(key=lambda error: [str(part) for part in error.absolute_path])
    lines = [_line(error) for error in found[:_MOST]]
    left = len(found) - len(lines)
    return [*lines, f"and {left:,}{' or more' if more else ''} other faults"] if left else lines


def _has_more_values(value: Any, most: int) -> bool:
    """Tell whether there are more values than that in a document; stops counting there."""
    waiting, count = [value], 0
    while waiting and count <= most:
        item = waiting.pop()
        count += 1
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return count > most


@cache
def _validator() -> Any:
    """Return a validator whose patterns end where the text does."""
    import jsonschema
    from jsonschema import validators

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not conformity.pattern(wanted).search(instance):
            yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")

    extend: Any = validators.extend
    return extend(jsonschema.Draft202012Validator, {"pattern": pattern})


def _leaves(error: Any) -> Iterator[Any]:
    """Yield what is wrong with the alternative that was meant, where only one has the type of what stands there."""
    if error.validator not in ("oneOf", "anyOf"):
        yield error
        return
    if _keys_needed(error):
        # What is no object is told to be none.
        if isinstance(error.instance, dict):
            yield error
        return
    branches: dict[Any, list[Any]] = {}
    for item in error.context:
        branches.setdefault(item.schema_path[0], []).append(item)
    meant = [items for items in branches.values() if not any(_is_other_type(item) for item in items)]
    if len(meant) != 1:
        yield error
        return
    for item in meant[0]:
        yield from _leaves(item)


def _is_other_type(error: Any) -> bool:
    return bool(error.validator == "type" and not error.path)


def _line(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path)[:_LONGEST_PLACE] or "the top level"
    message = _message(error)
    return f"{place}: {message if len(message) < _LONGEST else message[:_LONGEST] + '…'}"


def _message(error: Any) -> str:
    if error.validator == "type":
        return _not_of(error.instance, [error.validator_value])
    if error.validator in ("oneOf", "anyOf"):
        needed = _keys_needed(error)
        if needed:
            return f"must have exactly one of {', '.join(f'`{key}`' for key in needed)}"
        if all(_is_other_type(item) for item in error.context):
            return _not_of(error.instance, [item.validator_value for item in error.context])
    return str(error.message)


def _keys_needed(error: Any) -> list[str]:
    """Return the keys of alternatives that differ in the one that each needs; none where they differ otherwise."""
    if any(set(item) != {"required"} for item in error.validator_value):
        return []
    return [key for item in error.validator_value for key in item["required"]]


def _not_of(value: Any, types: list[Any]) -> str:
    names = [name for item in types for name in ([item] if isinstance(item, str) else item)]
    return f"{json.dumps(value, ensure_ascii=False, default=str)[:_LONGEST]} is not of type {' or '.join(names)}"
