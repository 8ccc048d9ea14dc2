"""Checks of what Python programs call with: a wrong type is a TypeError, a wrong value a ValueError, both in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any


def instance(name: str, value: Any, kind: type | tuple[type, ...], wanted: str) -> None:
    """Look whether an argument is of a type.

    Raises:
        TypeError: it is not; the message says what is ``wanted``.
    """
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {wanted}, not {value!r}")


def whole(name: str, value: Any, least: int) -> None:
    """Look whether an argument is a whole number from ``least``.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less.
    """
    wanted = f"a whole number from {least}"
    instance(name, value, int, wanted)
    if isinstance(value, bool):
        raise TypeError(f"`{name}` must be {wanted}, not {value}")
    if value < least:
        raise ValueError(f"`{name}` must be {wanted}, not {value}")


def number(name: str, value: Any, least: float) -> None:
    """Look whether an argument is a finite number from ``least``.

    Raises:
        TypeError: it is no number.
        ValueError: it is less, infinite, or none at all.
    """
    wanted = f"a number from {least:g}"
    instance(name, value, (int, float), wanted)
    if isinstance(value, bool):
        raise TypeError(f"`{name}` must be {wanted}, not {value}")
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"`{name}` must be {wanted}, not {value}")


def texts(name: str, values: Any, wanted: str) -> None:
    """Look whether an argument is a list of texts or paths, and not a single one.

    Raises:
        TypeError: it is not; the message says what is ``wanted``.
    """
    if isinstance(values, (str, bytes, PathLike)) or not isinstance(values, Sequence):
        raise TypeError(f"`{name}` must be {wanted}, not {values!r}")
    for item in values:
        instance(name, item, (str, PathLike), wanted)
