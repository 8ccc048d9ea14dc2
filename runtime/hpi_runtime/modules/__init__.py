"""Tasks: pre- and postprocessing of each ``module_name``, one file each.

A third-party package brings one by an entry point of the group ``hpi_plan.modules`` that names
its Module class.
"""

from __future__ import annotations

import importlib
import importlib.util

from hpi_runtime.modules.base import Module

ENTRY_POINTS = "hpi_plan.modules"


def find(module_name: str) -> type[Module] | None:
    """Return the class of a task, or None for an unknown one."""
    if module_name.isidentifier() and importlib.util.find_spec(f"{__name__}.{module_name}") is not None:
        found: type[Module] | None = getattr(importlib.import_module(f"{__name__}.{module_name}"), "MODULE", None)
        if found is not None:
            return found
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=module_name):
        loaded: type[Module] = point.load()
        return loaded
    return None
