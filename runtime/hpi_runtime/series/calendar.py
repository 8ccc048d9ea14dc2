"""What moments of a calendar tell a model: hours, days, and how far holidays are, as PaddleX computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from hpi_runtime.errors import InputError
from hpi_runtime.series.table import library

_PLAIN = ("hourofday", "dayofmonth", "dayofweek", "dayofyear")
_WITH_HOLIDAYS = (
    *("minuteofhour", "hourofday", "dayofmonth", "dayofweek", "dayofyear", "monthofyear", "weekofyear"),
    "holidays",
)
# From PaddleX 3.7.2, ``inference/models/common/ts/funcs.py``: each from about -0.5 to 0.5.
_PARTS: Mapping[str, Callable[[Any], float]] = {
    "minuteofhour": lambda moment: moment.minute / 59 - 0.5,
    "hourofday": lambda moment: moment.hour / 23.0 - 0.5,
    "dayofmonth": lambda moment: moment.day / 30.0 - 0.5,
    "dayofweek": lambda moment: moment.day_of_week / 6.0 - 0.5,
    "dayofyear": lambda moment: moment.day_of_year / 364.0 - 0.5,
    "monthofyear": lambda moment: moment.month / 11.0 - 0.5,
    "weekofyear": lambda moment: moment.week / 51.0 - 0.5,
}
# Days before and behind a moment in which the next holiday is looked for.
_WINDOW = 200


def features(moments: Any, with_holidays: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what is told of moments.

    Args:
        moments: a ``DatetimeIndex``.
        with_holidays: also how many days ago holidays were, scaled to mean 0 and deviation 1.

    Returns:
        moments × features, float64.

    Raises:
        InputError: a holiday was not celebrated then.
    """
    columns = [
        _days_since_holidays(moments)
        if name == "holidays"
        else np.array([_PARTS[name](moment) for moment in moments], np.float64)[:, None]
        for name in (_WITH_HOLIDAYS if with_holidays else _PLAIN)
    ]
    return np.concatenate(columns, axis=1)


def _days_since_holidays(moments: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    window = library().Timedelta(days=_WINDOW)
    columns = []
    for holiday in _holidays():
        dates = holiday.dates(moments.min() - window, moments.max() + window)
        places = dates.searchsorted(moments - window)
        if not len(dates) or places.max() >= len(dates):
            raise InputError("INPUT_UNSUPPORTED", f"there is no {holiday.name or 'holiday'} near these times")
        columns.append(np.asarray((moments - dates[places]).days, np.float64))
    days = np.stack(columns, axis=1)
    deviation = days.std(axis=0)
    # As scikit-learn does where a column is always the same.
    deviation[deviation == 0] = 1.0
    return np.asarray((days - days.mean(axis=0)) / deviation)


@cache
def _holidays() -> tuple[Any, ...]:
    library()
    from pandas.tseries import holiday
    from pandas.tseries.offsets import DateOffset, Day, Easter

    def day(month: int, number: int, *offset: Any) -> Any:
        return holiday.Holiday("", month=month, day=number, offset=list(offset) or None)

    return (
        *(holiday.EasterMonday, holiday.GoodFriday, holiday.USColumbusDay, holiday.USLaborDay),
        *(holiday.USMartinLutherKingJr, holiday.USMemorialDay, holiday.USPresidentsDay, holiday.USThanksgivingDay),
        day(1, 1, Easter(), Day(0)),
        day(1, 1),
        # The first Sunday of February, and the second one of May.
        day(2, 1, DateOffset(weekday=holiday.SU(1))),
        day(5, 1, DateOffset(weekday=holiday.SU(2))),
        day(7, 4),
        *(day(12, number) for number in (24, 25, 31)),
        # What follows Thanksgiving.
        *(day(11, 1, DateOffset(weekday=holiday.TH(4)), Day(later)) for later in (1, 4)),
    )
