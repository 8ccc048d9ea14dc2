"""ts_classification: of which kind a series is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.series.feeding import TARGET, Fed
from hpi_runtime.series.table import Table, library
from hpi_runtime.tasks.base import Arrays, Batch, OutputError, check_shape
from hpi_runtime.tasks.series import SeriesTask

_FEATURES, _MASK = "features", "pad_mask"


class TsClassification(SeriesTask):
    """Gives the class of a whole table and its probability.

    PaddleX 3.7.2 fails on tables with fewer rows than the model takes; here zeros fill them up where the model has a
    mask, which says so.
    """

    roles = (_FEATURES, _MASK)

    def prepared(self, table: Table) -> Fed:
        """Return a table made ready; none is cut."""
        return self.feeding.feed(table)

    def arrays(self, fed: Fed) -> dict[str, Batch]:
        """Return the rows and which of them there are."""
        values = fed.array(TARGET)
        if _MASK not in self.asked:
            taken = self.config["input_data"][_FEATURES]
            if len(taken) > 1 and taken[-2] > 0 and taken[-2] != len(values):
                told = f"the series has {len(values)} rows, and the model takes {taken[-2]}"
                raise InputError("INPUT_UNSUPPORTED", told)
            return {_FEATURES: values}
        rows = int(self.config["input_data"][_MASK][-1])
        if rows <= 0:
            rows = len(values)
        if len(values) > rows:
            raise InputError("INPUT_UNSUPPORTED", f"the series has {len(values)} rows, and the model takes {rows}")
        padded = np.zeros((rows, values.shape[1]), np.float32)
        padded[: len(values)] = values
        mask = np.zeros(rows, np.float32)
        mask[: len(values)] = 1.0
        return {_FEATURES: padded, _MASK: mask}

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``classification``: for each table one row, ``classid`` and ``score``; and what was looked at."""
        found = [_table(logits) for output in outputs for logits in _checked(output["logits"])]
        return {"classification": found, "looked_at": [fed.shown for fed in context]}


TASK = TsClassification


def _checked(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    check_shape("logits", output, None, None)
    if not np.isfinite(output).all():
        raise OutputError("logits", "is not finite")
    return output


def _table(logits: np.ndarray[Any, Any]) -> Table:
    powers = np.exp(logits - logits.max())
    scores = powers / powers.sum()
    best = int(np.argmax(scores))
    found = library().DataFrame({"classid": [best], "score": [scores[best]]})
    found.index.name = "sample"
    return found
