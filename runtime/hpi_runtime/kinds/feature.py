"""feature: a vector of length 1 that describes a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

# Two vectors are the same if the cosine between them is no less.
_SAME = 0.999


class Feature(Kind):
    """Like things have vectors whose cosine is near 1."""

    measure = "features"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the numbers as a list."""
        return np.asarray(value).tolist()

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Say how many numbers there are, for nobody could see more."""
        canvas.caption(f"a feature of {len(value)} numbers")

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Tell whether two vectors point the same way."""
        return int(found is not None and float(np.dot(found, expected)) >= _SAME), 1


KIND = Feature()
