"""Does a value conform to a JSON Schema? What is wrong where it does not, ``validate`` says.

The library that knows takes longer to import than a plan takes to read. This knows the keywords that schemas of plans
have, and is sure of nothing where there are others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

# A schema, the document that it stands in, and every document that may be referred to, by its ``$id``.
_Schema = Mapping[str, Any]
_Documents = Mapping[str, _Schema]
_TYPES = {
    "array": (list,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_NOTES = frozenset({"$defs", "$id", "$schema", "default", "description", "examples", "title"})


class _UnknownKeywordError(Exception):
    pass


def conforms(value: Any, document: _Schema, documents: _Documents) -> bool:
    """Tell whether a value conforms to a schema of draft 2020-12; no, too, where that cannot be told here.

    Args:
        value: plain JSON values.
        document: the schema.
        documents: what it may refer to, by ``$id``.
    """
    try:
        return _conforms(value, document, document, documents)
    except (_UnknownKeywordError, RecursionError):
        return False


@cache
def pattern(text: str) -> re.Pattern[str]:
    """Return a pattern that ends where the text does: to Python, ``$`` stands before a last line end too."""
    ends = text.endswith("$") and not text.endswith("\\$")
    return re.compile(f"{text[:-1]}\\Z" if ends else text, re.DOTALL)


def _conforms(value: Any, schema: _Schema | bool, document: _Schema, documents: _Documents) -> bool:
    if isinstance(schema, bool):
        return schema

    def is_like(item: Any, wanted: _Schema | bool) -> bool:
        return _conforms(item, wanted, document, documents)

    for keyword, wanted in schema.items():
        if keyword == "$ref":
            if not _conforms(value, *_referred(wanted, document, documents), documents):
                return False
        elif keyword not in _NOTES:
            check = _CHECKS.get(keyword)
            if check is None:
                raise _UnknownKeywordError
            if not check(value, wanted, schema, is_like):
                return False
    return True


def _referred(reference: str, document: _Schema, documents: _Documents) -> tuple[_Schema, _Schema]:
    """Return what a reference stands for, and its document."""
    name, _, path = reference.partition("#")
    found = start = documents[name] if name else document
    for part in path.split("/")[1:]:
        found = found[part]
    return found, start


def _is_type(value: Any, name: str) -> bool:
    if name == "integer":
        return type(value) is int or (type(value) is float and value.is_integer())
    return type(value) in _TYPES[name]


def _is_same(value: Any, other: Any) -> bool:
    if isinstance(other, (dict, list)):
        raise _UnknownKeywordError
    return bool(value == other) and (type(value) is bool) == (type(other) is bool)


def _others(value: Mapping[str, Any], schema: _Schema) -> list[Any]:
    """Return what an object has that its schema does not name."""
    return [item for key, item in value.items() if key not in schema.get("properties", {})]


_Like = Callable[[Any, Any], bool]
_CHECKS: Mapping[str, Callable[[Any, Any, _Schema, _Like], bool]] = {
    "additionalProperties": lambda value, wanted, schema, is_like: (
        type(value) is not dict or all(is_like(item, wanted) for item in _others(value, schema))
    ),
    "anyOf": lambda value, wanted, _, is_like: any(is_like(value, item) for item in wanted),
    "const": lambda value, wanted, *_: _is_same(value, wanted),
    "enum": lambda value, wanted, *_: any(_is_same(value, item) for item in wanted),
    "items": lambda value, wanted, schema, is_like: (
        type(value) is not list or all(is_like(item, wanted) for item in value[len(schema.get("prefixItems", ())) :])
    ),
    "maxItems": lambda value, wanted, *_: type(value) is not list or len(value) <= wanted,
    "maximum": lambda value, wanted, *_: type(value) not in _TYPES["number"] or not value > wanted,
    "minItems": lambda value, wanted, *_: type(value) is not list or len(value) >= wanted,
    "minLength": lambda value, wanted, *_: type(value) is not str or len(value) >= wanted,
    "minimum": lambda value, wanted, *_: type(value) not in _TYPES["number"] or not value < wanted,
    "oneOf": lambda value, wanted, _, is_like: sum(is_like(value, item) for item in wanted) == 1,
    "pattern": lambda value, wanted, *_: type(value) is not str or pattern(wanted).search(value) is not None,
    "prefixItems": lambda value, wanted, _, is_like: (
        type(value) is not list or all(is_like(*pair) for pair in zip(value, wanted, strict=False))
    ),
    "properties": lambda value, wanted, _, is_like: (
        type(value) is not dict or all(is_like(value[key], item) for key, item in wanted.items() if key in value)
    ),
    "propertyNames": lambda value, wanted, _, is_like: (
        type(value) is not dict or all(is_like(key, wanted) for key in value)
    ),
    "required": lambda value, wanted, *_: type(value) is not dict or all(key in value for key in wanted),
    "type": lambda value, wanted, *_: any(
        _is_type(value, name) for name in ([wanted] if isinstance(wanted, str) else wanted)
    ),
}
