"""label_map: 1 × height × width, the number of the class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class LabelMap(Kind):
    """In JSON as lists of lists, as PaddleX writes it."""

    measure = "pixels"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the numbers as lists."""
        return np.asarray(value).tolist()

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Colour the page by class; the first one leaves it as it is."""
        labels = np.array(value[0])
        for number in np.unique(labels[labels != 0]).tolist():
            canvas.region(labels == number, number)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count the pixels of the same class; none of maps of two sizes."""
        one, other = (np.array(value if value is not None else [[[]]]) for value in (found, expected))
        return int((one == other).sum()) if one.shape == other.shape else 0, max(one.size, other.size)


KIND = LabelMap()
