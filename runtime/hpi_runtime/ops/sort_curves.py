"""sort_curves: outlines of lines by where they begin on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Sort ``polys`` (n × 2 each) by their highest points, and ``scores`` with them."""
    order = np.argsort(np.array([poly[:, 1].min() for poly in inputs["polys"]]))
    return {
        "polys": [inputs["polys"][index] for index in order],
        "scores": [inputs["scores"][index] for index in order],
    }
