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
}


def is_of(value: Any, type_name: str) -> bool:
    """Tell whether a value is of a type; unlike in Python, true and false are no numbers."""
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _TYPES[type_name])
