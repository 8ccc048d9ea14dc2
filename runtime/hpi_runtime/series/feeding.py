"""From a table to what a model of series takes: cut, scaled, by its moments, and with what the calendar says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hpi_runtime.errors import EngineError, InputError
from hpi_runtime.series import calendar
from hpi_runtime.series.scaler import Scaler
from hpi_runtime.series.table import Table, check_columns, library, numbers

TARGET, OBSERVED, KNOWN = "past_target", "observed_cov_numeric", "known_cov_numeric"


class Fed(NamedTuple):
    """A table made ready.

    Attributes:
        tables: with moments as their index, by what PaddleX calls them.
        main: the one that the answer is about.
        shown: the same before it was scaled.
        known: what is known of past and future; None where the calendar is not asked.
    """

    tables: Mapping[str, Table]
    main: Table
    shown: Table
    known: np.ndarray[Any, Any] | None

    def array(self, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the values that a model takes by this name, moments × columns."""
        if name == KNOWN and self.known is not None:
            return self.known.astype(np.float32)
        if name not in self.tables:
            raise EngineError(f"`input_data` asks for `{name}`, and `info_params` names no columns for it")
        return np.asarray(self.tables[name].to_numpy(np.float32))


class Feeding:
    """Does with tables what an ``inference.yml`` says, as PaddleX does."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration, whose values are of their types."""
        info: Mapping[str, Any] = config["info_params"]
        size: Mapping[str, Any] = config["size"]
        self._length = int(size.get("in_chunk_len") or 0) + int(size.get("skip_chunk_len") or 0)
        self._ahead = int(size.get("out_chunk_len") or 0)
        self.time = str(info["time_col"])
        self.frequency: str | int = info["freq"]
        _check_rhythm(self.frequency)
        self._group = info.get("group_id")
        self._scaled = [_names(info.get(key)) for key in ("target_cols", "feature_cols")]
        features, known = info.get("feature_cols") or info.get("observed_cov_cols"), info.get("known_cov_cols")
        target = info.get("label_col") or info.get("target_cols")
        columns = {TARGET: _names(target), OBSERVED: _names(features), KNOWN: _names(known)}
        self._columns = {name: found for name, found in columns.items() if found}
        self.answers = _names(info.get("target_cols") or info.get("feature_cols"))
        self._asks_calendar, self._with_holidays = bool(config.get("time_feat")), bool(config.get("holiday"))
        self._is_scaled = bool(config.get("scale"))
        self.scaler: Scaler | None = None

    def read_scaler(self, path: Path) -> None:
        """Read the scaler, if there is to be one.

        Raises:
            EngineError: it cannot be used.
        """
        if self._is_scaled:
            self.scaler = Scaler(path)
            for names in filter(None, self._scaled):
                if self.scaler.columns not in (None, len(names)):
                    told = f"{path} has numbers for {self.scaler.columns} columns, and `info_params` names {len(names)}"
                    raise EngineError(f"{told}: {', '.join(names)}")

    def cut(self, table: Table) -> Table:
        """Return the last rows of a table, as many as the model looks at.

        Raises:
            InputError: it has fewer.
        """
        if len(table) < self._length:
            told = f"the series has {len(table)} rows, and the model looks at {self._length}"
            raise InputError("INPUT_UNSUPPORTED", told)
        return table.iloc[-self._length :]

    def feed(self, table: Table) -> Fed:
        """Return what a model is fed with.

        Raises:
            InputError: a column is missing, or holds something else than it must.
        """
        given = self._grouped(table)
        own = self._scale(given.copy())
        found = {name: numbers(own, columns) for name, columns in self._columns.items()}
        moments = self._moments(given)
        tables = {name: _by_time(table, moments) for name, table in found.items()}
        main = next(iter(tables.values()))
        shown = _by_time(numbers(given, next(iter(self._columns.values()))), moments)
        return Fed(tables, main, shown, self._calendar(main) if self._asks_calendar else None)

    def _grouped(self, table: Table) -> Table:
        """Return the rows of the first of several groups, as PaddleX does."""
        if self._group is not None and len(table):
            check_columns(table, [self._group])
            table = table[table[self._group] == table[self._group].iloc[0]]
        if not len(table):
            raise InputError("INPUT_UNSUPPORTED", "the series has no rows")
        return table

    def _scale(self, table: Table) -> Table:
        if self.scaler is not None:
            for names in filter(None, self._scaled):
                values = numbers(table, names).to_numpy(np.float64)
                for place, name in enumerate(names):
                    table[name] = self.scaler.scale(values)[:, place]
        return table

    def _moments(self, table: Table) -> Any:
        pd = library()
        check_columns(table, [self.time])
        times = table[self.time]
        is_counted = pd.api.types.is_integer_dtype(times.dtype)
        if is_counted and isinstance(self.frequency, int):
            return self._counted(times)
        if isinstance(self.frequency, int):
            raise InputError("INPUT_UNSUPPORTED", f"the column `{self.time}` must hold whole numbers")
        try:
            moments = pd.DatetimeIndex(pd.to_datetime(times.astype(str) if is_counted else times), name=self.time)
        except (ValueError, TypeError, OverflowError) as fault:
            told = f"the column `{self.time}` must hold times: {str(fault).splitlines()[0]}"
            raise InputError("INPUT_UNSUPPORTED", told[:300]) from None
        if moments.hasnans:
            raise InputError("INPUT_UNSUPPORTED", f"the column `{self.time}` must hold a time in each row")
        return moments

    def _counted(self, times: Any) -> Any:
        moments = library().Index(times, name=self.time)
        steps = np.diff(np.sort(moments.to_numpy()))
        if (steps != self.frequency).any():
            told = f"the numbers in `{self.time}` must be {self.frequency} apart, each once"
            raise InputError("INPUT_UNSUPPORTED", told)
        return moments

    def _calendar(self, main: Table) -> np.ndarray[Any, Any]:
        moments = main.index
        if isinstance(self.frequency, int):
            raise EngineError("`time_feat` needs times, and `freq` says that they are numbers")
        ahead = library().date_range(
            start=moments[-1], freq=self.frequency, periods=self._ahead + 1, inclusive="right", name=self.time
        )
        return calendar.features(moments.append(ahead), self._with_holidays)


def _by_time(table: Table, moments: Any) -> Table:
    """Return a table in the order of the moments of its rows."""
    found = table.copy()
    found.index = moments
    return found.sort_index()


def _check_rhythm(frequency: str | int) -> None:
    """Refuse what is no rhythm, or one that runs backwards."""
    if isinstance(frequency, int):
        return
    try:
        step = library().tseries.frequencies.to_offset(frequency)
    except ValueError:
        raise EngineError(
            f"`info_params.freq` is `{frequency}`, which is no rhythm of pandas, such as `h` or `1D`"
        ) from None
    if step.n <= 0:
        raise EngineError(f"`info_params.freq` is `{frequency}`, which runs backwards")


def _names(value: Any) -> list[str]:
    return [] if not value else [str(item) for item in value] if isinstance(value, list) else [str(value)]
