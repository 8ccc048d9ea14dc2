"""Glue operations between modules, one file each: a function of named inputs and parameters."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

Op = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def find(name: str) -> Op | None:
    """Return the operation of that name, ``run(inputs, params) -> outputs``, or None."""
    if not name.isidentifier() or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return None
    run: Op = importlib.import_module(f"{__name__}.{name}").run
    return run
