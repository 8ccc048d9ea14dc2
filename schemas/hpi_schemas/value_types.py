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


def are_numbers(value: Any, count: int) -> bool:
    """Tell whether a value is a list of so many numbers."""
    return isinstance(value, list) and len(value) == count and all(is_of(item, "number") for item in value)


def out_of_bounds(
    value: float, minimum: float | None = None, maximum: float | None = None, above: float | None = None
) -> str | None:
    """Return the bound that a number breaks, as it follows on "must be", None if it keeps to all."""
    if minimum is not None and value < minimum:
        return f"at least {minimum}"
    if maximum is not None and value > maximum:
        return f"at most {maximum}"
    return f"more than {above}" if above is not None and value <= above else None


def described(type_name: str) -> str:
    """Return a type as messages name it."""
    return type_name.replace("|", " or ")
