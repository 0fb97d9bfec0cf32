"""Where a moment lies in its day, week or year, from 0 to below 1."""

from collections.abc import Callable

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.tables.settings import CALENDAR

_DAY = 86_400.0
_THURSDAY = 3  # 1970-01-01, from Monday


def _of_year(moments: Floats) -> Floats:
    """Months are equally long here, so that the same day of a month is the same place in every year."""
    months = np.floor(moments).astype("datetime64[s]").astype("datetime64[M]")
    start, end = (each.astype("datetime64[s]").astype(np.float64) for each in (months, months + 1))
    return np.asarray((months.astype(np.int64) % 12 + (moments - start) / (end - start)) / 12)


def _of_day(moments: Floats) -> Floats:
    return np.asarray(moments % _DAY / _DAY)


def _of_week(moments: Floats) -> Floats:
    return np.asarray((moments / _DAY + _THURSDAY) % 7 / 7)


# Of seconds since 1970 (rows,), none of them missing.
PLACES: dict[str, Callable[[Floats], Floats]] = dict(zip(CALENDAR, (_of_day, _of_week, _of_year), strict=True))
