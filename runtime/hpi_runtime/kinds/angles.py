"""angles: by which class of turn each line was found, -1 where nobody asked."""

from __future__ import annotations

from typing import Any

from hpi_runtime.kinds.base import Agreed, Kind, in_place, listed


class Angles(Kind):
    """One for each line."""

    measure = "angles"

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that are the same at the same place."""
        return in_place(listed(found), listed(expected))


KIND = Angles()
