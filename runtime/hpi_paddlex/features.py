"""Predictors of features that give each picture its own.

PaddleX 3.7.2 hands the features of a whole batch to each of its pictures, as an array of pictures × numbers; its own
index of features takes one vector for a picture, and fails (``faisser.py``: ``vector_num, vector_dim``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from paddlex.inference.models.image_feature import ImageFeatureRunnerPredictor

_FEATURE = "feature"


@cache
def of_each(predictor: type[Any]) -> type[Any]:
    """Return the kind of predictor that gives each picture its own feature; others as they are."""
    if not issubclass(predictor, ImageFeatureRunnerPredictor):
        return predictor

    def process(self: Any, batch_data: Any) -> dict[str, Any]:
        found: dict[str, Any] = predictor.process(self, batch_data)
        # What is a list, PaddleX splits.
        return {**found, _FEATURE: list(found[_FEATURE])}

    return type(predictor.__name__, (predictor,), {"process": process, "__module__": __name__})
