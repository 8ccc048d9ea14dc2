"""crop_curves: each line of a page as a picture of its own, straight where it is curved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.pictures.curves import straightened


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Cut ``polys`` (n × 2 each) out of ``image``; lines without area are dropped from both outputs."""
    found = [(straightened(inputs["image"], poly), poly) for poly in inputs["polys"]]
    kept = [(crop, poly) for crop, poly in found if crop is not None]
    return {"crops": [crop for crop, _ in kept], "polys": [poly for _, poly in kept]}
