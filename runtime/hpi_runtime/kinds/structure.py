"""structure: a table's HTML without its texts, as a list of marks."""

from __future__ import annotations

from typing import Any

from hpi_runtime.kinds.base import Agreed, Kind


class Structure(Kind):
    """Rows, columns and spans."""

    measure = "structures"

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count tables that are the same from the first mark to the last."""
        return int(found == expected), 1


KIND = Structure()
