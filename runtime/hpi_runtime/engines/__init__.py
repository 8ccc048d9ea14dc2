"""Engines: how each backend runs. One file per backend, imported only when a plan names it.

A third-party package brings one by an entry point of the group ``hpi_plan.engines`` that names
its Engine class.
"""

from __future__ import annotations

import pkgutil

from hpi_schemas.packaged import entry_points

from hpi_runtime import plugins
from hpi_runtime.engines.base import Engine

ENTRY_POINTS = "hpi_plan.engines"


def find(backend: str) -> type[Engine] | None:
    """Return the engine class of a backend, or None for an unknown one.

    Importing it imports no inference library; that happens when an engine is made.
    """
    found: type[Engine] | None = plugins.find(__name__, backend, "ENGINE", ENTRY_POINTS)
    return found


def names() -> tuple[str, ...]:
    """Return every backend that has an engine, sorted."""
    own = {item.name for item in pkgutil.iter_modules(__path__)} - {"base", "native"}
    return tuple(sorted(own | {point.name for point in entry_points(ENTRY_POINTS)}))
