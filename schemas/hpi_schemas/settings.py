"""Settings: keys of a pipeline or module that say how it works, as data files describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.value_types import are_numbers, described, is_of, out_of_bounds


@dataclass(frozen=True)
class Setting:
    """A key of a pipeline or module that its code reads.

    Attributes:
        type: ``boolean``, ``integer``, ``number``, ``string``, ``list`` or ``mapping``, or several
            of them joined by ``|``.
        default: what PaddleX's code takes where the key is absent.
        config: the value in the built-in configuration; absent there if None.
        required: its absence is an error; null is one too where ``one_of`` limits it.
        one_of: the values it may have; empty means any.
        minimum, maximum: the least and the greatest number.
        above: a number that it must be greater than.
        count: how many numbers a list has; None for any.
        items: the type of what a list holds, as ``type``; any if empty.
        by_class: whether a mapping gives, under the number of each class, what it could be alone.
        help: one line for ``--get-config``.
    """

    type: str
    default: Any = None
    config: Any = None
    required: bool = False
    one_of: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    count: int | None = None
    items: str = ""
    by_class: bool = False
    help: str = ""


def read(data: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Setting]:
    """Return settings by key, from the plain values of a data file."""
    return {key: Setting(**{**item, "one_of": tuple(item.get("one_of", ()))}) for key, item in (data or {}).items()}


def fault(value: Any, setting: Setting) -> str | None:
    """Return what a value must be and is not, as the end of a sentence, or None."""
    if setting.by_class and isinstance(value, Mapping):
        return _fault_by_class(value, setting)
    if setting.one_of and value not in setting.one_of:
        return " or ".join(f"`{item}`" for item in setting.one_of)
    if not is_of(value, setting.type):
        return f"of type {described(setting.type)}"
    if isinstance(value, list) and setting.count is not None and not are_numbers(value, setting.count):
        return f"a list of {setting.count} numbers"
    if isinstance(value, list) and setting.items and not all(is_of(item, setting.items) for item in value):
        return f"a list, each of type {described(setting.items)}"
    numbers = [item for item in (value if isinstance(value, list) else [value]) if is_of(item, "number")]
    broken = (out_of_bounds(item, setting.minimum, setting.maximum, setting.above) for item in numbers)
    return next(filter(None, broken), None)


def _fault_by_class(value: Mapping[Any, Any], setting: Setting) -> str | None:
    alone = replace(setting, by_class=False, type=setting.type.removesuffix("|mapping"))
    for key, item in value.items():
        # JSON has no numbers as keys.
        is_class = key >= 0 if is_of(key, "integer") else isinstance(key, str) and key.isdecimal()
        if not is_class:
            return f"by the numbers of classes, and `{key}` is none"
        problem = fault(item, alone)
        if problem is not None:
            return f"{problem} for the class {key}"
    return None
