"""How far the answers of two plans may be from each other; docs/accuracy.md says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hpi_schemas.plan.model import EngineRecord


@dataclass(frozen=True)
class Tolerance:
    """How far answers of a precision may be from those of another plan.

    Attributes:
        relative: the greatest difference, as a fraction of the greatest value of the output.
        cosine: the least cosine between the two outputs.
        agreement: the least fraction of results (texts, classes, boxes …) that are the same.
    """

    relative: float
    cosine: float
    agreement: float

    def covers(self, relative: float, cosine: float) -> bool:
        """Tell whether two outputs that differ so are within it; what is no number never is."""
        return relative <= self.relative and cosine >= self.cosine


# fp32 engines differ by the order of their sums. With fewer digits (11 bits in fp16, 8 in bf16) a single doubtful
# letter may move by a tenth and more of its probability: there the cosine and the results say more than the greatest
# difference.
TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(3e-3, 0.99999, 0.99),
    "fp16": Tolerance(0.2, 0.999, 0.97),
    "bf16": Tolerance(0.5, 0.99, 0.95),
    "int8": Tolerance(0.8, 0.98, 0.90),
}


def precision_of(engine: EngineRecord) -> str:
    """Return the precision of an engine whose tolerance counts."""
    named = str(engine.config.get("precision", "fp32"))
    return named if named in TOLERANCES else "fp32"


def of_results(precisions: Iterable[str]) -> Tolerance:
    """Return the tolerance of whole results: that of the lowest precision in any module."""
    return TOLERANCES[max(precisions, key=list(TOLERANCES).index, default="fp32")]
