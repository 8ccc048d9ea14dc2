"""class_set: the numbers of all classes that are in a picture, best first."""

from __future__ import annotations

from typing import Any

from hpi_runtime.kinds.base import Agreed, Kind, anywhere, listed


class ClassSet(Kind):
    """All of them are the answer."""

    measure = "classes"

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that are in both; a picture of which both find nothing is the same."""
        same, total = anywhere(listed(found), listed(expected))
        return (same, total) if total else (1, 1)


KIND = ClassSet()
