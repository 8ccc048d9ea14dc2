"""What kinds share that are tables with an index: rows of plain values by the names of their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.series.table import labels

if TYPE_CHECKING:
    from hpi_runtime.pictures import Image

# Numbers that differ by no more, of the larger one, are the same.
_SAME = 1e-4


class Rows(Kind):
    """In JSON a list of rows, the index first; as a file what pandas writes of them as CSV."""

    measure = "rows"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return the rows of a table of pandas; of single precision as few digits as tell the number."""
        names = [str(value.index.name), *map(str, value.columns)]
        columns = [labels(value.index), *(_plain(value.iloc[:, place]) for place in range(value.shape[1]))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def files(self, value: Any, facts: Mapping[str, Any], image: Image | None, folder: str) -> dict[str, bytes]:
        """Return the rows as CSV."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(value[0] if value else ())
        writer.writerows(row.values() for row in value)
        return {"res.csv": stream.getvalue().encode("utf-8", "backslashreplace")}

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count the rows that say the same, at the same place."""
        both = zip(found or (), expected or (), strict=False)
        return sum(_same(*pair) for pair in both), max(len(found or ()), len(expected or ()))


def _plain(column: Any) -> Sequence[Any]:
    values = column.to_numpy()
    if values.dtype == np.float32:
        return [float(str(number)) for number in values]
    return list(values.tolist())


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_like(value, other[name]) for name, value in one.items())


def _like(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return bool(abs(one - other) <= _SAME * max(abs(one), abs(other), _SAME))
    return bool(one == other)
