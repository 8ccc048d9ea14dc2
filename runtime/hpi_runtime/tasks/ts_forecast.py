"""ts_forecast: how a series goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.series.feeding import Fed
from hpi_runtime.series.table import Table, library
from hpi_runtime.tasks.base import Arrays, OutputError, check_shape
from hpi_runtime.tasks.series import SeriesTask


class TsForecast(SeriesTask):
    """Gives the next rows of a table.

    PaddleX 3.7.2 gives the first table of a batch alone; here each has its own rows.
    """

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``forecast``: for each table the next rows, with their moments as index; and what was looked at."""
        rows = [row for output in outputs for row in self._checked(output["values"])]
        found = [self._table(fed, row) for fed, row in zip(context, rows, strict=True)]
        return {"forecast": found, "looked_at": [fed.shown for fed in context]}

    def _checked(self, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        check_shape("values", output, None, None, len(self.feeding.answers))
        if not np.isfinite(output).all():
            raise OutputError("values", "is not finite")
        return output

    def _table(self, fed: Fed, row: np.ndarray[Any, Any]) -> Table:
        scaler = self.feeding.scaler
        values = row if scaler is None else scaler.restore(row)
        return library().DataFrame(values, index=self._moments(fed, len(row)), columns=self.feeding.answers)

    def _moments(self, fed: Fed, count: int) -> Any:
        pd = library()
        moments, frequency = fed.main.index, self.feeding.frequency
        if isinstance(frequency, int):
            first = int(moments.max()) + frequency
            return pd.RangeIndex(first, first + count * frequency, frequency, name=self.feeding.time)
        # Three moments at least make a rhythm.
        apart = pd.DatetimeIndex(moments, freq="infer").freq if len(moments) > 2 else None
        if apart is None:
            raise InputError("INPUT_UNSUPPORTED", f"the times in `{self.feeding.time}` follow no rhythm")
        return pd.date_range(moments[-1] + apart, periods=count, freq=frequency, name=self.feeding.time)


TASK = TsForecast
