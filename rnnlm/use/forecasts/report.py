"""A forecast's errors beside those of its baselines, and its interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.tables.series import Series
from rnnlm.use.forecasts.baselines import Baseline, baselines
from rnnlm.use.forecasts.evaluate import ChosenWindows, Errors, errors, forecasts, over_horizons
from rnnlm.use.forecasts.interval import Interval, interval_of


@dataclass(frozen=True)
class Measured:
    """The `forecast` (N, outputs), its `errors` and those of the `baselines` by method, whose `names` a person reads.

    `report` has all of it as JSON; `interval` is None where the windows are those that it would be taken from.
    """

    forecast: Floats
    errors: dict[str, Errors]
    names: dict[str, str]
    baselines: list[Baseline]
    interval: Interval | None
    report: dict[str, Any]


def measure(found: FoundModel, network: Network, chosen: ChosenWindows, batch_size: int, season: int) -> Measured:
    """Forecast the chosen windows and compare; a network that feeds its output back is also fed true values."""
    series, truth = chosen.series, chosen.series.truth()
    forecast = forecasts(network, series, batch_size)
    metrics, names = {"model": errors(forecast, truth)}, {"model": found.model.name}
    if network.feeds_back:
        metrics["forced"] = errors(forecasts(network, series, batch_size, forced=True), truth)
        ahead = series.rules.horizon - 1
        future = f", known up to {ahead} rows after the window" if ahead > 0 else ""
        names["forced"] = f"{found.model.name} fed true values{future}"
    others = baselines(chosen.train, series, season, chosen.before)
    metrics |= {each.key: errors(each.forecast, truth) for each in others if each.forecast is not None}
    names |= {each.key: each.name for each in others}
    own = network.architecture.quantiles or chosen.split != "valid"
    band = interval_of(found, network, series, forecast, batch_size) if own else None
    rules, scale = series.rules, None if chosen.train is None else naive_error(chosen.train, season)
    report = {
        "task": "forecast", "targets": list(rules.targets), "horizon": rules.horizon, "outputs": list(rules.outputs),
        "horizons": list(rules.horizons), "windows": len(series),
        "errors": {method: _json(each) for method, each in metrics.items()},
        "by_target": {method: _json(over_horizons(each, rules), scale) for method, each in metrics.items()},
        "left_out": {each.key: each.reason for each in others if each.forecast is None}, "split": chosen.split,
        "table_sha256": chosen.table_sha256, "model_sha256": found.model.model_sha256,
        "interval": None if band is None else band.described(forecast, truth),
    }  # fmt: skip
    return Measured(forecast, metrics, names, others, band, report)


def naive_error(train: Series, season: int) -> Floats | None:
    """(K,) the mean |y(t) − y(t − season)| of the training rows, in their units (Hyndman & Koehler 2006); or None."""
    y, starts = train.rules.in_units(np.asarray(train.targets)), np.asarray(train.starts)
    rows = np.arange(season, len(y))
    sequence = np.searchsorted(starts, np.arange(len(y)), "right")
    inside = sequence[rows] == sequence[rows - season] if len(rows) else np.zeros(0, np.bool_)
    differences = np.abs(y[rows] - y[rows - season])[inside]
    known = ~np.isnan(differences)
    if not len(differences) or not known.any(0).all():
        return None
    return np.asarray(np.nansum(differences, 0) / known.sum(0))


def _json(metrics: Errors, scale: Floats | None = None) -> dict[str, list[float]]:
    """The errors of one method as JSON, one number per output; `mase` is the mean absolute error over `scale`."""
    found = {"root_mean_square_error": list(metrics.root_mean_square), "nats_per_value": list(metrics.nats_per_value),
             "mean_absolute_error": list(metrics.mean_absolute)}  # fmt: skip
    if scale is not None and (scale > 0).all():
        found["mase"] = (np.array(metrics.mean_absolute) / scale).tolist()
    return found
