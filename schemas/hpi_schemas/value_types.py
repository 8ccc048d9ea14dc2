"""The types that settings and options name in data files."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "list": (list,),
    "mapping": (dict,),
    "null": (type(None),),
}


def is_of(value: Any, type_name: str) -> bool:
    """Tell whether a value is of a type, or of one of several joined by ``|``.

    Unlike in Python, true and false are no numbers.
    """
    names = type_name.split("|")
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def described(type_name: str) -> str:
    """Return a type as messages name it."""
    return type_name.replace("|", " or ")
