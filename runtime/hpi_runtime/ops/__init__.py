"""Ops: glue between modules, one file each, named as its contract in ``hpi_schemas.ops``.

A third-party package brings one by an entry point of the group ``hpi_plan.op_functions`` that names its function; if it
reads a folder, one of the group ``hpi_plan.op_loaders`` names what loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hpi_runtime import plugins

ENTRY_POINTS = "hpi_plan.op_functions"
# For ops that read a folder of the plan's.
LOADERS = "hpi_plan.op_loaders"

Op = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
# From the folder, None where the plan names none, to what the op gets in the place of its address.
Loader = Callable[[Path | None], Any]


def find(name: str) -> Op | None:
    """Return the op of that name, ``run(inputs, params) -> outputs``, or None."""
    run: Op | None = plugins.find(__name__, name, "run", ENTRY_POINTS)
    return run


def loader(name: str) -> Loader | None:
    """Return what loads the folder that the op of that name reads, or None."""
    load: Loader | None = plugins.find(__name__, name, "load", LOADERS)
    return load
