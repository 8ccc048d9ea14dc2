"""Finding code by the name that a plan or a contract gives: ours, or that of another package."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from hpi_schemas.packaged import entry_points, refuse_second


def find(package: str, name: str, attribute: str, group: str) -> Any | None:
    """Return what is called so, or None for an unknown name; other packages are looked at if it is not ours.

    Args:
        package: that holds ours, one module each.
        name: of the module.
        attribute: of the module.
        group: of the entry points by which other packages bring theirs.

    Raises:
        PackageError: two other packages bring it.
    """
    found: Any = None
    if name.isidentifier() and importlib.util.find_spec(f"{package}.{name}") is not None:
        found = getattr(importlib.import_module(f"{package}.{name}"), attribute, None)
    if found is not None:
        return found
    for point in entry_points(group):
        if point.name == name:
            refuse_second(group, name, found is not None)
            found = point.load()
    return found
