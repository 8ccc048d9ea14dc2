"""ts_anomaly_detection: which moments of a series are unusual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hpi_runtime.series.feeding import Fed
from hpi_runtime.series.table import Table, library
from hpi_runtime.tasks.base import Arrays, OutputError, check_shape
from hpi_runtime.tasks.series import SeriesTask

_LABEL = "label"


class TsAnomalyDetection(SeriesTask):
    """Says of which rows of a table the model's copy is not like them.

    PaddleX 3.7.2 answers for the first table of a batch alone; here each has its own labels.
    """

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read from which mean square of the differences on a row is unusual."""
        super().__init__(config, settings, batch_size)
        self._threshold = float(config["model_threshold"])

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``anomaly``: for each table a row a moment, ``label`` 1 where it is unusual; and what was seen."""
        copies = (copy for output in outputs for copy in output["values"])
        found = [self._table(fed, copy) for fed, copy in zip(context, copies, strict=True)]
        return {"anomaly": found, "looked_at": [fed.shown for fed in context]}

    def _table(self, fed: Fed, copy: np.ndarray[Any, Any]) -> Table:
        own = fed.main.to_numpy()
        check_shape("values", copy, *own.shape)
        if not np.isfinite(copy).all():
            raise OutputError("values", "is not finite")
        labels = np.mean(np.square(copy - own), axis=-1) >= self._threshold
        return library().DataFrame({_LABEL: labels.astype(np.int64)}, index=fed.main.index.rename(self.feeding.time))


TASK = TsAnomalyDetection
