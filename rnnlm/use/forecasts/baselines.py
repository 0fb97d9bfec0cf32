"""Baselines for a forecast: the last value, the last season's value, and linear regressions.

Every forecast is (N, outputs), one for each window and output of a series, in the data's units.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.errors import UsageError
from rnnlm.tables.rules import RowNumbers
from rnnlm.tables.series import Series

SEASON = 24
_WINDOWS = 4096
_REGRESSORS = 4096  # the square of this many numbers is 134 MB
_RIDGE = 1e-8  # times the variance of a regressor: matters only where regressors are linearly dependent


@dataclass(frozen=True)
class Baseline:
    """A forecast (N, outputs) in the data's units, or None and the reason why it does not apply; `key` is for JSON."""

    key: str
    name: str
    forecast: Floats | None
    reason: str = ""


def baselines(
    train: Series | None, series: Series, season: int = SEASON, before: Sequence[Series] = ()
) -> list[Baseline]:
    """Every baseline for the windows of `series`; regressions are fitted on `train`, if it is available."""

    known = _with_history(series, before)

    def fitted(fit: Callable[[Series, int], Linear]) -> Floats:
        if train is None:
            raise UsageError("the training windows are not available", "")
        # Windows of different lengths have the last rows of the shortest in common.
        lags = int(min(train.lengths().min(initial=2**31), series.lengths().min(initial=2**31)))
        return fit(train, lags).predict(series)

    methods: dict[str, tuple[str, Callable[[], Floats]]] = {
        "persistence": ("last value", lambda: persistence(known)),
        "seasonal_naive": (f"value {season} rows before", lambda: seasonal_naive(known, season)),
        "linear_autoregression": ("linear, own past", lambda: fitted(fit_autoregression)),
        "linear_all_inputs": ("linear, all inputs", lambda: fitted(fit_linear)),
    }
    found = []
    for key, (name, forecast) in methods.items():
        try:
            found.append(Baseline(key, name, forecast()))
        except UsageError as error:
            found.append(Baseline(key, name, None, error.message))
    return found


def _with_history(series: Series, before: Sequence[Series]) -> Series:
    """The same windows in one sequence with the rows of the splits before it, which are known when it is forecast."""
    if not before:
        return series
    rows = sum(len(each.targets) for each in before)
    targets = np.concatenate([*(each.targets for each in before), series.targets])
    return replace(series, targets=targets, windows=np.asarray(series.windows) + rows, starts=np.zeros(1, np.int64))


def persistence(series: Series) -> Floats:
    """ŷ = the last known value of the target up to the window's last row, or train's mean where there is none.

    Raises UsageError where the target is not among the inputs: then a model does not see its past.
    """
    _past_is_read(series)
    found = series.rules.in_units(_known_before(series, np.asarray(series.windows[:, 1]) - 1, 1))
    means = [series.rules.input_fill[column] for column in series.rules.target_inputs if column is not None]
    return np.tile(np.where(np.isnan(found), np.array(means), found), len(series.rules.horizons))


def seasonal_naive(series: Series, season: int = SEASON) -> Floats:
    """ŷ = the target `season` rows before the forecast row, or 2, 3, … seasons before it: the latest known value.

    The history of the sequence before the window counts as known; without any known value, ŷ is that of `persistence`.
    Raises UsageError as `persistence` does.
    """
    plain, last = persistence(series), np.asarray(series.windows[:, 1]) - 1
    # From the target's row t + H, the fewest seasons back that lead to row t or before.
    back = [horizon - season * -(-horizon // season) for horizon in series.rules.horizons]
    found = series.rules.in_units(np.concatenate([_known_before(series, last + rows, season) for rows in back], 1))
    return np.where(np.isnan(found), plain, found)


def _known_before(series: Series, rows: RowNumbers, step: int) -> Floats:
    """(N, K) the scaled target of each window's row of `rows` (N,), or `step`, 2 `step`, … rows before that.

    The first known value, back to the start of the sequence; NaN if there is none.
    """
    starts = series.sequence_starts(np.arange(len(series)))
    found = np.full((len(rows), len(series.rules.targets)), np.nan)
    for column, targets in enumerate(series.targets.T):
        # In rows of `step`, a column holds every step-th row of the series; the last known one above is the result.
        known = np.full(-(-len(targets) // step) * step, -1)
        known[: len(targets)] = np.where(np.isnan(targets), -1, np.arange(len(targets)))
        last = np.maximum.accumulate(known.reshape(-1, step)).ravel()[np.maximum(rows, 0)]
        good = (rows >= starts) & (last >= starts)
        found[good, column] = targets[last[good]]
    return found


def _past_is_read(series: Series) -> None:
    for name, column in zip(series.rules.targets, series.rules.target_inputs, strict=True):
        if column is None:
            raise UsageError(f"the past of {name} is not among the inputs", "")


@dataclass(frozen=True)
class Linear:
    """ŷ = x · `coefficients` (lags, columns, outputs) + `intercept` (outputs,), scaled.

    x are the inputs `columns` of a window's last `lags` rows, the earliest row first.
    """

    columns: tuple[int, ...]
    lags: int
    coefficients: Floats
    intercept: Floats

    def predict(self, series: Series) -> Floats:
        """(N, outputs) the forecast for every window; UsageError for a window of fewer than `lags` rows."""
        if int(series.lengths().min(initial=self.lags)) < self.lags:
            raise UsageError(f"a window has fewer than the {self.lags} rows that the regression reads", "")
        flat = self.coefficients.reshape(-1, len(self.intercept))
        forecast = np.empty((len(series), len(self.intercept)))
        for first in range(0, len(series), _WINDOWS):
            rows = np.arange(first, min(first + _WINDOWS, len(series)))
            forecast[rows] = _regressors(series, rows, self.columns, self.lags) @ flat + self.intercept
        return series.rules.in_units(forecast)


def fit_autoregression(train: Series, lags: int | None = None) -> Linear:
    """The regression of y(t + H) on the targets' own values in the last `lags` rows (default: the shortest window).

    Raises UsageError where a target is not among the inputs, or there are too many regressors, or too few windows.
    """
    _past_is_read(train)
    columns = [column for column in train.rules.target_inputs if column is not None]
    return _least_squares(train, tuple(columns), lags)


def fit_linear(train: Series, lags: int | None = None) -> Linear:
    """The regression of y(t + H) on all inputs in the last `lags` rows (default: the shortest window).

    Raises UsageError where there are too many regressors, or too few windows.
    """
    return _least_squares(train, tuple(range(train.rules.features)), lags)


def _least_squares(train: Series, columns: tuple[int, ...], lags: int | None) -> Linear:
    """Ordinary least squares by its normal equations, Cov(x) b = Cov(x, y), summed in float64 over all windows.

    The regressors are scaled to variance 1, and Cov(x) gets a ridge of `_RIDGE`.
    """
    lags = int(train.lengths().min(initial=2**31)) if lags is None else lags
    width, targets = lags * len(columns), len(train.rules.outputs)
    if width > _REGRESSORS:
        raise UsageError(f"{width:,} regressors are more than {_REGRESSORS:,}", "")
    if len(train) <= width:
        raise UsageError(f"{len(train):,} windows are too few for {width:,} regressors", "")
    moments, sums, count = np.zeros((width + targets, width + targets)), np.zeros(width + targets), len(train)
    around = np.zeros(width + targets)
    for first in range(0, count, _WINDOWS):
        rows = np.arange(first, min(first + _WINDOWS, count))
        both = np.concatenate([_regressors(train, rows, columns, lags), train.last_targets(rows)], 1)
        if first == 0:
            around = both.mean(0)  # sums of squares around an approximate mean keep their precision
        both -= around
        moments += both.T @ both
        sums += both.sum(0)
    mean = sums / count
    covariance = moments / count - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diag(covariance)[:width], 0))
    unit = np.where(deviation > 0, deviation, 1.0)
    correlation = covariance[:width, :width] / np.outer(unit, unit) + _RIDGE * np.eye(width)
    flat = np.linalg.solve(correlation, covariance[:width, width:] / unit[:, None]) / unit[:, None]
    center = mean + around
    return Linear(columns, lags, flat.reshape(lags, len(columns), targets), center[width:] - center[:width] @ flat)


def _regressors(series: Series, rows: RowNumbers, columns: tuple[int, ...], lags: int) -> Floats:
    """(n, lags × columns) inputs of the last `lags` rows of the windows `rows`."""
    indices = np.asarray(series.windows[rows, 1])[:, None] + np.arange(-lags, 0)
    return series.inputs[indices][:, :, list(columns)].astype(np.float64).reshape(len(rows), -1)


def rmse_mae(forecast: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """√(mean (ŷ − y)²) and mean |ŷ − y| of each target, (K,) each, from (N, K) in the data's units.

    NaN in `truth` is skipped.
    """
    error = np.where(np.isnan(truth), np.nan, forecast - truth)
    known = np.maximum((~np.isnan(error)).sum(0), 1)
    return np.sqrt(np.nansum(error**2, 0) / known), np.nansum(np.abs(error), 0) / known
