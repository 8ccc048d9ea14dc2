"""The best classes of something, as PaddleX tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_DECIMALS = 5


class Best:
    """The ``topk`` best classes, best first."""

    def __init__(self, top: Mapping[str, Any], count: int | None) -> None:
        """Read the labels.

        Args:
            top: what ``inference.yml`` says below ``Topk``.
            count: how many are wanted; None leaves that to ``top``.
        """
        self._labels: list[Any] = top.get("label_list") or []
        self._count = int(top.get("topk", 5) if count is None else count)

    def of(self, rows: Iterable[np.ndarray[Any, Any]]) -> dict[str, list[Any]]:
        """Return ``class_ids``, ``scores`` (rounded to 5 decimals, as PaddleX does) and ``label_names``.

        Args:
            rows: the scores of all classes, one of each thing.
        """
        values: dict[str, list[Any]] = {"class_ids": [], "scores": [], "label_names": []}
        for scores in rows:
            best = scores.argsort()[-self._count :][::-1]
            values["class_ids"].append([int(index) for index in best])
            values["scores"].append([float(str(score)) for score in np.around(scores[best], _DECIMALS)])
            values["label_names"].append([self._label(int(index)) for index in best])
        return values

    def _label(self, index: int) -> str:
        return str(self._labels[index]) if index < len(self._labels) else str(index)
