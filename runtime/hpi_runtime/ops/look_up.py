"""look_up: what of an index the things of a picture are most like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpi_runtime.errors import PlanError
from hpi_runtime.indexes.folder import read
from hpi_runtime.indexes.index import Index


def load(folder: Path | None) -> Index:
    """Read an index.

    Raises:
        PlanError: the plan has none, or it cannot be read.
    """
    if folder is None:
        raise PlanError("the plan names no index to look things up in; plan again with the folder of one as `index`")
    return read(folder)


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each of ``features`` the ``labels`` and ``scores`` of the best matches, none if the best is bad."""
    features = inputs["features"]
    if not features:
        return {"labels": [], "scores": []}
    found = params["index"].search(np.stack(features), params["rec_topk"], params["rec_threshold"])
    return {"labels": [match.labels for match in found], "scores": [match.scores for match in found]}
