"""Settings: keys of a pipeline or module that say how it works, as data files describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    help: str = ""


def read(data: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Setting]:
    """Return settings by key, from the plain values of a data file."""
    return {key: Setting(**{**item, "one_of": tuple(item.get("one_of", ()))}) for key, item in (data or {}).items()}
