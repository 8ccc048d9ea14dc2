"""sort_boxes: boxes in reading order, top to bottom and left to right within a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# Boxes whose first corners differ by less lie on one line.
_SAME_LINE = 10


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Sort ``polys`` (n × 4 × 2) and ``scores`` with them, in PaddleX's order.

    Boxes are sorted by their first corner; then each moves up past neighbours on its line that
    stand to its right.
    """
    polys = inputs["polys"]
    order = sorted(range(len(polys)), key=lambda index: (polys[index][0][1], polys[index][0][0]))
    for last in range(1, len(order)):
        place = last
        while place > 0 and _comes_first(polys[order[place]][0], polys[order[place - 1]][0]):
            order[place - 1], order[place] = order[place], order[place - 1]
            place -= 1
    return {
        "polys": polys[np.array(order, int)],
        "scores": [inputs["scores"][index] for index in order],
    }


def _comes_first(corner: Any, before: Any) -> bool:
    return abs(int(corner[1]) - int(before[1])) < _SAME_LINE and corner[0] < before[0]
