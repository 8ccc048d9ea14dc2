"""angle: by how many degrees a page is turned; -1 where nobody asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind, in_place, listed

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Angle(Kind):
    """One angle."""

    measure = "angles"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write it beneath the picture, which is upright already."""
        canvas.caption("not turned" if value in (-1, 0) else f"was turned by {value}°")

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count whether it is the same."""
        return in_place(listed(found), listed(expected))

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count whether it is the true one."""
        return Counter(labels=1, labels_right=int(str(found) == str(true)))


KIND = Angle()
