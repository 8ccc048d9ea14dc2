"""Ops: glue between modules, one file each, named as its contract in ``hpi_schemas.ops``.

A third-party package brings one by an entry point of the group ``hpi_plan.op_functions`` that names its function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpi_runtime import plugins

ENTRY_POINTS = "hpi_plan.op_functions"

Op = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def find(name: str) -> Op | None:
    """Return the op of that name, ``run(inputs, params) -> outputs``, or None."""
    run: Op | None = plugins.find(__name__, name, "run", ENTRY_POINTS)
    return run
