"""Baselines on series whose best forecast is known."""

from dataclasses import replace

import numpy as np
import pytest

from rnnlm.errors import UsageError
from rnnlm.tables.apply import find_windows
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series
from rnnlm.use.evaluation.settings import EvaluateSettings
from rnnlm.use.forecasts.baselines import (
    baselines,
    fit_autoregression,
    fit_linear,
    persistence,
    rmse_mae,
    seasonal_naive,
)

NAN = np.nan


def series(
    *columns: object, steps: int | None = 4, horizon: int = 1, targets: int = 1, starts: object = (0,)
) -> Series:
    """A series of columns, the first `targets` of which are targets in units of their own: y = 10 + 2 × scaled."""
    values = np.stack([np.asarray(column, np.float32) for column in columns], 1)
    names = tuple("abcdef"[: values.shape[1]])
    rules = SeriesRules(
        names, {}, {}, names[:targets], None, None, steps, horizon, 1, "forward", "standard",
        (10.0,) * len(names), (10.0,) * len(names), (2.0,) * len(names), (10.0,) * targets, (2.0,) * targets,
    )  # fmt: skip
    wanted = values[:, :targets]
    begins = np.array(starts, np.int64)
    found = find_windows(rules, begins, wanted, np.zeros(len(values), np.bool_))
    return Series(np.nan_to_num(values), wanted, found.windows, rules, begins)


def units(scaled: object) -> np.ndarray:
    """Scaled values in units."""
    return 10 + 2 * np.asarray(scaled, np.float64)


def second_order(rows: int, seed: int) -> np.ndarray:
    """y(t) = 1.2 y(t−1) − 0.5 y(t−2) + ε, of standard deviation 1."""
    noise = np.random.Generator(np.random.PCG64(seed)).normal(size=rows)
    values = np.zeros(rows)
    for row in range(2, rows):
        values[row] = 1.2 * values[row - 1] - 0.5 * values[row - 2] + noise[row]
    return values


def test_persistence_repeats_the_last_known_value() -> None:
    data = series([1, 2, 3, 4, 5, NAN, 7, 8], horizon=2)
    assert data.windows[:, 1].tolist() == [5, 6]
    assert persistence(data)[:, 0].tolist() == [units(5), units(5)]
    unknown = series([NAN, NAN, NAN, NAN, 5], steps=3, horizon=2)
    assert persistence(unknown)[:, 0].tolist() == [10]  # the training mean


def test_persistence_does_not_look_into_another_sequence() -> None:
    data = series([1, 2, 3, NAN, NAN, NAN, 7], steps=2, starts=(0, 3))
    assert data.windows.tolist() == [[0, 2], [4, 6]]
    assert persistence(data)[:, 0].tolist() == [units(2), 10]


@pytest.mark.parametrize("horizon", [1, 3, 4, 5, 9])
def test_a_seasonal_value_repeats_a_periodic_series_exactly(horizon: int) -> None:
    wave = np.tile([3.0, -1, 4, 1], 12)
    data = series(wave, steps=2, horizon=horizon)
    forecast = seasonal_naive(data, 4)
    enough = data.windows[:, 1] >= 4
    assert np.array_equal(forecast[enough], data.truth()[enough])


def test_the_season_is_that_of_evaluation_where_none_is_given() -> None:
    data = series(np.arange(80.0), steps=2)
    season = EvaluateSettings().season
    assert np.array_equal(seasonal_naive(data), seasonal_naive(data, season))
    (found,) = [each for each in baselines(None, data) if each.key == "seasonal_naive"]
    assert np.array_equal(found.forecast, seasonal_naive(data, season))
    assert found.name == f"value {season} rows before"


def test_a_seasonal_value_is_the_latest_that_is_known() -> None:
    values = np.arange(20.0)
    values[8] = NAN
    data = series(values, steps=3, horizon=2)
    ends = data.windows[:, 1]
    forecast = seasonal_naive(data, 5)[:, 0]
    last_target = ends - 1 + 2
    assert forecast[last_target == 12].tolist() == [units(7)]
    assert forecast[last_target == 13].tolist() == [units(3)]  # row 8 is missing, so two seasons back
    assert forecast[last_target == 4].tolist() == [units(2)]  # no season before it: the last known value


@pytest.mark.parametrize("season", [1, 3, 4, 7])
@pytest.mark.parametrize("horizon", [1, 3, 4, 5, 9])
def test_baselines_read_only_rows_up_to_the_end_of_the_window(horizon: int, season: int) -> None:
    """Whatever comes after a window's last row, its forecasts stay, also where the horizon is longer than a season."""
    values = second_order(60, 4)
    whole = series(values, steps=4, horizon=horizon)
    for end in (20, 33):
        changed = series(np.where(np.arange(60) < end, values, 1e6), steps=4, horizon=horizon)
        before = whole.windows[:, 1] <= end
        assert before.sum() > 10
        for forecast in (persistence, lambda data: seasonal_naive(data, season)):
            assert np.array_equal(forecast(whole)[before], forecast(changed)[before])


def test_an_autoregression_finds_the_coefficients_of_its_process() -> None:
    fitted = fit_autoregression(series(second_order(60000, 1), steps=4))
    assert np.allclose(fitted.coefficients[:, 0, 0], [0, 0, -0.5, 1.2], atol=0.02)
    assert np.allclose(fitted.intercept, 0, atol=0.02)
    two_ahead = fit_autoregression(series(second_order(60000, 1), steps=4, horizon=2))
    # y(t+2) = 1.2 (1.2 y(t) − 0.5 y(t−1)) − 0.5 y(t)
    assert np.allclose(two_ahead.coefficients[:, 0, 0], [0, 0, -0.6, 0.94], atol=0.02)


def test_the_error_of_an_autoregression_is_that_of_the_noise() -> None:
    train, test = series(second_order(30000, 1), steps=3), series(second_order(30000, 2), steps=3)
    rmse, mae = rmse_mae(fit_autoregression(train).predict(test), test.truth())
    assert rmse[0] == pytest.approx(2, rel=0.02)  # 1 scaled is 2 in the data's units
    assert mae[0] == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.02)
    found = {each.name: each for each in baselines(train, test)}
    assert np.array_equal(found["linear, own past"].forecast, fit_autoregression(train).predict(test))


def test_a_regression_on_all_inputs_is_least_squares() -> None:
    """Against `lstsq` on the same windows, with inputs that depend on one another and one that is constant."""
    random = np.random.Generator(np.random.PCG64(5))
    a, b = np.round(random.normal(size=(2, 9000)) * 64) / 64  # so that float32 holds their sums exactly
    y = np.convolve(a, [0.5, -2, 1])[:9000] + 0.1 * random.normal(size=9000)
    data = series(y, a, b + 1e4, a + b, np.ones(9000), steps=3)
    forecast = fit_linear(data).predict(data)
    rows = np.arange(len(data))
    flat = data.batch(rows)[0].transpose(1, 0, 2).reshape(len(data), -1).astype(np.float64)
    flat -= flat.mean(0)
    design = np.concatenate([flat, np.ones((len(data), 1))], 1)
    truth = data.last_targets(rows).astype(np.float64)
    best = design @ np.linalg.lstsq(design, truth, rcond=1e-9)[0]
    assert np.allclose(forecast, units(best), atol=1e-4)


def test_several_targets_are_forecast_side_by_side() -> None:
    a = second_order(20000, 3)
    b = np.concatenate([[0, 0], 0.7 * a[:-2]])
    data = series(a, b, steps=3, targets=2)
    fitted = fit_autoregression(data)
    assert fitted.coefficients.shape == (3, 2, 2)
    rmse, _ = rmse_mae(fitted.predict(data), data.truth())
    assert rmse[0] == pytest.approx(2, rel=0.03)
    assert rmse[1] < 1e-3


def test_windows_of_different_lengths_share_their_last_rows() -> None:
    sizes = [40, 25, 60, 35, 40] * 12
    starts = np.cumsum([0, *sizes[:-1]])
    values = second_order(sum(sizes), 4)
    data = series(values, steps=None, starts=starts)
    assert data.lengths().tolist() == [size - 1 for size in sizes]
    assert fit_autoregression(data, 2).lags == 2
    assert fit_autoregression(data).lags == 24
    short = series(values[:30], steps=None, starts=(0, 20))
    with pytest.raises(UsageError, match="fewer than the 24 rows"):
        fit_autoregression(data).predict(short)
    found = {each.name: each.forecast for each in baselines(data, short)}
    assert np.array_equal(found["linear, own past"], fit_autoregression(data, 9).predict(short))
    with pytest.raises(UsageError, match="5 windows are too few for 24 regressors"):
        fit_autoregression(series(values[:200], steps=None, starts=starts[:5]))


def test_what_does_not_apply_says_why() -> None:
    data = series(np.arange(40.0), np.arange(40.0))
    blind = replace(data, rules=replace(data.rules, columns=("b", "c"), horizon=0))
    for forecast in (persistence, seasonal_naive, fit_autoregression):
        with pytest.raises(UsageError, match="the past of a is not among the inputs"):
            forecast(blind)
    found = baselines(blind, blind)
    assert [each.forecast is None for each in found] == [True, True, True, False]
    assert {each.reason for each in found[:3]} == {"the past of a is not among the inputs"}
    wide = series(*np.zeros((5, 2000)), steps=900)
    assert "4,500 regressors" in baselines(wide, wide)[3].reason


def test_errors_are_measured_in_units_and_leave_out_what_is_unknown() -> None:
    forecast = np.array([[1.0, 0], [2, 0], [3, 0]])
    truth = np.array([[1.0, 3], [4, NAN], [3, -4]])
    rmse, mae = rmse_mae(forecast, truth)
    assert rmse == pytest.approx([np.sqrt(4 / 3), np.sqrt(25 / 2)])
    assert mae == pytest.approx([2 / 3, 3.5])


def test_a_season_before_the_split_is_known() -> None:
    """On a line of slope 1 the value 24 rows before is 24 too low at every row, at the first of a split too."""
    whole = np.arange(200.0)
    parts = [series(whole[start:end], horizon=3) for start, end in ((0, 130), (130, 150), (150, 200))]
    train, valid, test = parts
    found = {each.key: each.forecast for each in baselines(train, test, 24, before=(train, valid))}
    off = test.truth() - found["seasonal_naive"]
    assert np.allclose(off, 2 * 24)  # units are 10 + 2 × scaled
    assert np.allclose(test.truth() - found["persistence"], 2 * 3)
    alone = {each.key: each.forecast for each in baselines(train, test, 24)}
    assert np.abs(test.truth() - alone["seasonal_naive"]).mean() < 2 * 24
    gap = series([*whole[150:155], NAN, NAN, *whole[157:200]], horizon=3)
    known = {each.key: each.forecast for each in baselines(train, gap, 24, before=(train, valid))}["seasonal_naive"]
    assert np.isfinite(known).all()
