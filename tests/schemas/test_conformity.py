"""Whether a value conforms to a schema is told as jsonschema tells it; what is not known is left to that."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hpi_schemas import validate
from hpi_schemas.conformity import conforms
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support import txtar

CASES = Path(__file__).parents[1] / "cases"
DOCUMENTS = {validate.schema(name)["$id"]: validate.schema(name) for name in ("target", "plan")}
NAMES = st.sampled_from(["", "a", "x"])
NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 1.0, 2])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(["", "x", "x\n", "../x"]))
SOME = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
PARTS = st.one_of(st.booleans(), st.builds(lambda kind: {"type": kind}, TYPES))
LISTED = st.lists(PARTS, min_size=1, max_size=3)
# What each keyword may say.
KEYWORDS = {
    "additionalProperties": PARTS,
    "anyOf": LISTED,
    "const": SCALARS,
    "enum": st.lists(SCALARS, min_size=1, max_size=3),
    "items": PARTS,
    "maxItems": st.integers(0, 3),
    "maximum": NUMBERS,
    "minItems": st.integers(0, 3),
    "minLength": st.integers(0, 3),
    "minimum": NUMBERS,
    "oneOf": LISTED,
    "pattern": st.sampled_from(["^x$", "x", "^[.]", "\\$$"]),
    "prefixItems": LISTED,
    "properties": st.dictionaries(NAMES, PARTS, max_size=3),
    "propertyNames": st.sampled_from([{"const": "x"}, {"minLength": 1}, False]),
    "required": st.lists(NAMES, unique=True, max_size=2),
    "type": TYPES | st.lists(TYPES, unique=True, min_size=1, max_size=3),
}
# With which others count in another way.
BESIDE = {"additionalProperties": "properties", "items": "prefixItems"}


@cache
def plans() -> list[dict[str, Any]]:
    """Return the plans of the golden cases."""
    texts = (txtar.split(path.read_text(encoding="utf-8"))[1] for path in sorted(CASES.glob("*.txtar")))
    return [json.loads(text["after freeze"]) for text in texts if text.get("after freeze", "").strip()]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a document with each of its keys."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def is_valid(value: Any, schema: Any) -> bool:
    """Ask the library."""
    from referencing import Registry, Resource

    registry: Any = Registry().with_resources(
        [(name, Resource.from_contents(item)) for name, item in DOCUMENTS.items()]
    )
    return bool(validate._validator()(schema, registry=registry).is_valid(value))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_plan_in_which_anything_changed_is_judged_as_by_the_library(data: st.DataObject) -> None:
    plan = copy.deepcopy(data.draw(st.sampled_from(plans())))
    for _ in range(data.draw(st.integers(0, 2))):
        where, key = data.draw(st.sampled_from(list(places(plan))))
        others = [item[place] for item, place in places(plan)]
        value = copy.deepcopy(data.draw(st.one_of(SOME, st.sampled_from(others))))
        change = data.draw(st.sampled_from(("replace", "remove", "add")))
        if change == "remove":
            where.pop(key)
        elif change == "add" and isinstance(where, dict):
            where[data.draw(st.sampled_from(["x", "lazy", "each", "session", "../x"]))] = value
        elif change == "add":
            where.append(value)
        else:
            where[key] = value
    assert conforms(plan, validate.schema("plan"), DOCUMENTS) == is_valid(plan, validate.schema("plan"))


@pytest.mark.parametrize("keyword", KEYWORDS)
@settings(max_examples=80, deadline=None)
@given(SOME, st.data())
def test_every_keyword_means_what_it_means_to_the_library(keyword: str, value: Any, data: st.DataObject) -> None:
    chosen = [keyword, *([BESIDE[keyword]] if keyword in BESIDE and data.draw(st.booleans()) else [])]
    schema = {name: data.draw(KEYWORDS[name]) for name in chosen}
    Draft202012Validator.check_schema(schema)
    assert conforms(value, schema, DOCUMENTS) == is_valid(value, schema), schema


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, {"const": 1}),
        (1, {"enum": [False, True]}),
        (1.0, {"const": 1}),
        (1.0, {"type": "integer"}),
        (1.5, {"type": "integer"}),
        (True, {"type": ["integer", "number"]}),
        ("x\n", {"pattern": "^x$"}),
        ("a\nx", {"pattern": "^x$"}),
        ("\n", {"pattern": "^.$"}),
        ({"a": 1}, {"$ref": "urn:hpi-plan:plan:2#/$defs/digest"}),
        ("sha256:x", {"$ref": "urn:hpi-plan:plan:2#/$defs/digest"}),
        ([[1]], {"$defs": {"of": {"items": {"items": {"type": "null"}}}}, "$ref": "#/$defs/of"}),
    ],
)
def test_what_python_takes_for_the_same_is_told_apart(value: Any, schema: Any) -> None:
    assert conforms(value, schema, DOCUMENTS) == is_valid(value, schema)


@pytest.mark.parametrize("schema", [{"not": {}}, {"format": "date"}, {"oneOf": [{"not": {}}, True]}, {"const": [1]}])
def test_a_keyword_that_is_not_known_is_left_to_the_library(schema: Any) -> None:
    assert not conforms([1], schema, DOCUMENTS)


def test_a_valid_plan_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "_validator", None)
    assert [validate.faults("plan", plan) for plan in plans()] == [[]] * len(plans())
