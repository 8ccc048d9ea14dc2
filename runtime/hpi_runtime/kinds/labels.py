"""labels: the names of the best classes, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Kind

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Labels(Kind):
    """Their classes are compared; beside them stand ``scores``."""

    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write the best beneath the picture."""
        if value:
            canvas.caption(f"{value[0]}  {beside['scores'][0]:.3f}")

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count whether the best is the true one."""
        best = found[0] if found else None
        return Counter(labels=1, labels_right=int(str(best) == str(true)))


KIND = Labels()
