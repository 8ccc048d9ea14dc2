"""The rules that contracts write of single values in an ``inference.yml``: types, bounds and choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpi_schemas.tasks.processing import number, odd_entry
from hpi_schemas.value_types import are_numbers, out_of_bounds

_LONGEST = 80
# Of a side of a model's input; the widest known are some thousands.
MOST_PIXELS = 16_384


def fault(value: Any, rule: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a value, as the end of a sentence, or None."""
    kind = rule["type"]
    problem = _KINDS[kind](value, rule)
    if problem is not None:
        return problem
    if "one_of" in rule:
        same, *allowed = (_folded(item, rule) for item in (value, *rule["one_of"]))
        if same not in allowed or isinstance(same, bool) != isinstance(allowed[0], bool):
            return f"must be {' or '.join(short(item) for item in rule['one_of'])}"
    return None


def _folded(value: Any, rule: Mapping[str, Any]) -> Any:
    return value.upper() if isinstance(value, str) and rule.get("any_case", True) else value


def _bounds(value: float, rule: Mapping[str, Any]) -> str | None:
    bound = out_of_bounds(value, rule.get("minimum"), rule.get("maximum"), rule.get("above"))
    return None if bound is None else f"must be {bound}"


def _boolean(value: Any, rule: Mapping[str, Any]) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _string(value: Any, rule: Mapping[str, Any]) -> str | None:
    return None if isinstance(value, str) else "must be a text"


def _number(value: Any, rule: Mapping[str, Any]) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "must be a number"
    return _bounds(value, rule)


def _integer(value: Any, rule: Mapping[str, Any]) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    return _bounds(value, rule)


def _numbers(value: Any, rule: Mapping[str, Any]) -> str | None:
    count = rule["count"]
    if rule.get("or_one", False) and are_numbers([value], 1):
        value = [value]
    elif not are_numbers(value, count):
        return f"must be a list of {count} numbers"
    return "must hold no 0" if rule.get("nonzero", False) and 0 in value else None


def _integers(value: Any, rule: Mapping[str, Any]) -> str | None:
    count = rule["count"]
    if not isinstance(value, list) or len(value) != count or any(_integer(item, rule) for item in value):
        most = f" to {rule['maximum']}" if "maximum" in rule else ""
        return f"must be a list of {count} whole numbers from {rule['minimum']}{most}"
    return f"must begin with {rule['first']}" if rule.get("first", value[0]) != value[0] else None


def _names(value: Any, rule: Mapping[str, Any]) -> str | None:
    listed = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    is_long = isinstance(value, Mapping) and set(value) == {"entries"}
    return None if isinstance(value, str) or listed or is_long else "must be a name, or a list of names"


def _rhythm(value: Any, rule: Mapping[str, Any]) -> str | None:
    if isinstance(value, str) and value:
        return None
    return None if is_size(value) else "must be a rhythm such as `h` or `1D`, or the step between whole numbers"


def _mapping(value: Any, rule: Mapping[str, Any]) -> str | None:
    return None if isinstance(value, Mapping) and value else "must say something by name"


def _shapes(value: Any, rule: Mapping[str, Any]) -> str | None:
    listed = isinstance(value, Mapping) and value and all(map(_is_shape, value.values()))
    return None if listed else "must say the shape of each input, such as [-1, 96, 1]"


def _is_shape(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(side, int) and not isinstance(side, bool) for side in value)


def _size(value: Any, rule: Mapping[str, Any]) -> str | None:
    sides = value if isinstance(value, list) else [value]
    if len(sides) not in (1, 2) or (isinstance(value, list) and len(sides) != 2) or not all(map(is_size, sides)):
        return "must be a number of pixels, or [width, height]"
    return f"must be at most {MOST_PIXELS}" if max(sides) > MOST_PIXELS else None


def _expression(value: Any, rule: Mapping[str, Any]) -> str | None:
    try:
        number(value)
    except ValueError:
        return "must be a number, or a product or quotient of numbers such as 1./255."
    return None


def _entries(value: Any, rule: Mapping[str, Any]) -> str | None:
    count = entries(value)
    if count is None:
        return "must be a list"
    if count < rule["minimum"]:
        return f"must have at least {rule['minimum']} entry"
    odd = value.get("odd") if isinstance(value, Mapping) else odd_entry(value)
    if rule.get("characters", False) and odd is not None:
        return f"must hold texts, and its entry {odd} is none: put it in quotes"
    return None


def entries(value: Any) -> int | None:
    """Return how many entries a list has that ``processing`` may have shortened; None if it is none."""
    if isinstance(value, Mapping) and {"entries"} <= set(value) <= {"entries", "odd"}:
        return int(value["entries"])
    if isinstance(value, list) and not any(isinstance(item, (Mapping, list)) for item in value):
        return len(value)
    return None


def is_size(value: Any) -> bool:
    """Tell whether a value is a number of pixels."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def short(value: Any) -> str:
    """Return a value as messages show it."""
    text = "nothing" if value is None else f"`{value}`"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_KINDS: Mapping[str, Callable[[Any, Mapping[str, Any]], str | None]] = {
    "boolean": _boolean,
    "entries": _entries,
    "expression": _expression,
    "integer": _integer,
    "integers": _integers,
    "mapping": _mapping,
    "names": _names,
    "number": _number,
    "numbers": _numbers,
    "rhythm": _rhythm,
    "shapes": _shapes,
    "size": _size,
    "string": _string,
}
