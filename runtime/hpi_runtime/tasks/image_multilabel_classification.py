"""image_multilabel_classification: all classes of a picture that score enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hpi_runtime.errors import EngineError
from hpi_runtime.tasks.base import Arrays, check_scores, check_shape
from hpi_runtime.tasks.image_classification import Classifier

_DECIMALS = 5
_OTHERS = "default"


class ImageMultilabelClassification(Classifier):
    """Resize, normalise; then each class that scores more than its threshold, best first.

    PaddleX 3.7.2 compares the pictures of a batch with the thresholds of classes, the first with that of the first
    class and so on; here each class has its own.
    """

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms, the labels and the thresholds; the plan's come before the model's."""
        super().__init__(config, settings, batch_size)
        # PaddleX crops for the best class alone.
        self._crop = None
        own: Mapping[str, Any] = (config.get("PostProcess") or {}).get("MultiLabelThreshOutput") or {}
        self._labels = [str(label) for label in own["label_list"]]
        self._thresholds = _thresholds(self.setting("threshold", own.get("threshold", 0.5)), len(self._labels))

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``class_ids``, ``scores`` (rounded to 5 decimals, as PaddleX does) and ``label_names``."""
        values: dict[str, list[Any]] = {"class_ids": [], "scores": [], "label_names": []}
        for probabilities in (row for output in outputs for row in self._checked(output["probabilities"])):
            (above,) = np.nonzero(probabilities > self._thresholds)
            best = above[np.argsort(-probabilities[above])]
            values["class_ids"].append([int(index) for index in best])
            values["scores"].append([float(score) for score in np.around(probabilities[best].astype(float), _DECIMALS)])
            values["label_names"].append([self._labels[index] for index in best])
        return values

    def _checked(self, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        check_shape("probabilities", output, None, len(self._labels))
        check_scores("probabilities", output)
        return output


TASK = ImageMultilabelClassification


def _thresholds(value: Any, classes: int) -> np.ndarray[Any, Any]:
    """Return the threshold of each class.

    Raises:
        EngineError: they are neither a number nor numbers by class, with ``default`` for the others.
    """
    given: Any = value if isinstance(value, Mapping) else {_OTHERS: value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        given = {_OTHERS: 1.0, **dict(enumerate(value))}
    try:
        found = np.full(classes, float(given[_OTHERS]), np.float32)
        for key, threshold in given.items():
            if key != _OTHERS and int(key) < classes:
                found[int(key)] = float(threshold)
    except (KeyError, TypeError, ValueError):
        wanted = f"`threshold` must be a number, or numbers by class with `{_OTHERS}` for the others"
        raise EngineError(f"{wanted}, not {value}") from None
    return found
