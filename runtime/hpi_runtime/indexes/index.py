"""An index of features: faiss has the vectors, and beside them stands whose they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from hpi_schemas.feature_index import FLAT, HNSW, IP, IVF

from hpi_runtime.errors import PlanError

# Up to here an exact search takes milliseconds; beyond, graphs of neighbours are much faster and nearly as good.
_MOST_EXACT = 100_000
# PaddleX's: a list for every so many vectors.
_VECTORS_A_LIST, _MOST_LISTS = 8, 65536

Vectors = np.ndarray[Any, Any]


class Match(NamedTuple):
    """What of an index a vector is most like.

    Attributes:
        labels: of the best matches, best first; empty if the best is not like enough.
        scores: as many.
    """

    labels: list[str]
    scores: list[float]


@dataclass
class Index:
    """Vectors that can be searched.

    Attributes:
        vectors: faiss's index of them, by number.
        labels: by number.
        metric: ``IP`` or ``L2``.
        type: ``Flat`` is exact, ``IVF`` and ``HNSW32`` are fast.
    """

    vectors: Any
    metric: str
    type: str
    labels: dict[int, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        return int(self.vectors.d)

    def search(self, features: Vectors, count: int, threshold: float) -> list[Match]:
        """Return what some vectors are most like.

        Args:
            features: N × D, float32.
            count: how many matches of each.
            threshold: the least inner product, or the greatest squared distance, of the best one.

        Raises:
            ValueError: they have another size than those of the index.
        """
        self._check_size(features)
        scores, numbers = self.vectors.search(features, count)
        return [self._match(*found, threshold) for found in zip(scores, numbers, strict=True)]

    def add(self, features: Vectors, labels: Sequence[str]) -> None:
        """Add vectors, N × D, float32, with the label of each; numbers go on where they end.

        Raises:
            ValueError: they have another size than those of the index.
        """
        self._check_size(features)
        first = max(self.labels, default=-1) + 1
        self.vectors.add_with_ids(features, np.arange(first, first + len(labels), dtype=np.int64))
        self.labels |= dict(enumerate(labels, first))

    def remove(self, numbers: Collection[int]) -> None:
        """Remove vectors by their numbers.

        Raises:
            PlanError: one is not there, or an index of this type cannot do without one.
        """
        if self.type == HNSW:
            raise PlanError(f"nothing can be removed from an index of the type {HNSW}; build one of the type {FLAT}")
        unknown = sorted(set(numbers) - set(self.labels))
        if unknown:
            raise PlanError(f"the index has no number {unknown[0]}")
        self.vectors.remove_ids(np.asarray(sorted(numbers), dtype=np.int64))
        for number in numbers:
            del self.labels[number]

    def _check_size(self, features: Vectors) -> None:
        if features.ndim != 2 or features.shape[1] != self.size:
            raise ValueError(
                f"the model gives features of {features.shape[-1]:,} numbers, and the index has {self.size:,}"
            )

    def _match(self, scores: Vectors, numbers: Vectors, threshold: float) -> Match:
        # Where it has fewer, the others are numbered -1.
        found = [
            (self.labels[int(number)], float(score))
            for score, number in zip(scores, numbers, strict=True)
            if number >= 0
        ]
        is_like = bool(found) and (found[0][1] >= threshold if self.metric == IP else found[0][1] <= threshold)
        return Match([label for label, _ in found], [score for _, score in found]) if is_like else Match([], [])


def build(features: Vectors, labels: Sequence[str], metric: str = IP, type: str | None = None) -> Index:
    """Make an index, as PaddleX's ``FaissBuilder`` does.

    Args:
        features: N × D, float32.
        labels: of each.
        metric: ``IP`` or ``L2``.
        type: ``Flat``, ``IVF`` or ``HNSW32``; None is exact up to 100,000 vectors.
    """
    import faiss

    chosen = type or (FLAT if len(labels) <= _MOST_EXACT else HNSW)
    lists = max(1, min(len(labels) // _VECTORS_A_LIST, _MOST_LISTS))
    description = f"{IVF}{lists},{FLAT}" if chosen == IVF else chosen
    measure = faiss.METRIC_INNER_PRODUCT if metric == IP else faiss.METRIC_L2
    vectors = faiss.IndexIDMap2(faiss.index_factory(features.shape[1], description, measure))
    vectors.train(features)
    index = Index(vectors, metric, chosen)
    index.add(features, labels)
    return index


def counts(labels: Mapping[int, str]) -> dict[str, int]:
    """Return how many vectors each label has, most first."""
    from collections import Counter

    return dict(Counter(labels.values()).most_common())
