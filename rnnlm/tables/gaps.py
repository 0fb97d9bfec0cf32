"""Gaps in time: rows that follow the one before by more than the usual step, which windows skip or cross."""

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.tables.rules import RowNumbers

_DAY = 86_400.0
_UNITS = (("day", _DAY), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))


def longest_step(moments: Floats, starts: RowNumbers, *, dates: bool) -> float:
    """The longest step that is no gap, in the unit of `moments` (rows,): half more than the median step.

    That allows for months and years of different lengths. Of daily `dates` without weekends it is five days, which
    allows for weekends and holidays. Infinite without two rows in a sequence.
    """
    steps = np.delete(np.diff(moments), starts[1:] - 1)
    if not len(steps):
        return np.inf
    usual = float(np.median(steps))
    weekdays = (moments // _DAY + 3) % 7  # 1 January 1970 was a Thursday
    if dates and usual == _DAY and not (weekdays >= 5).any():
        return 5 * _DAY
    return 1.5 * usual


def with_gaps(moments: Floats, starts: RowNumbers, longest: float) -> RowNumbers:
    """Where sequences begin (sequences,), with the rows after gaps."""
    after = np.flatnonzero(np.diff(moments) > longest) + 1
    return np.union1d(starts, after)


def in_words(step: float, *, dates: bool) -> str:
    """A step in time: '1 hour', or a number in the unit of the column."""
    if not dates:
        return f"{step:g}"
    unit, size = next(((unit, size) for unit, size in _UNITS if step >= size), _UNITS[-1])
    return f"{step / size:g} {unit}{'s' * (step != size)}"
