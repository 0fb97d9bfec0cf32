"""Forecasts of several horizons at once: errors by rows ahead, and what a picture shows of the paths."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.screen import Grid
from rnnlm.tables.rules import SeriesRules
from rnnlm.use.forecasts.evaluate import ChosenWindows
from rnnlm.use.forecasts.report import Measured

_ROWS = 24  # of a table
_SHORT = {"forced": "fed truth", "persistence": "last value", "seasonal_naive": "season before",
          "linear_autoregression": "linear, own", "linear_all_inputs": "linear, all"}  # fmt: skip


def by_rows_ahead(measured: Measured, rules: SeriesRules) -> Grid:
    """For each horizon, or some of many, the root mean square error (RMSE) of each target, and the interval.

    With one target the baselines stand beside the network.
    """
    one, horizons, band = len(rules.targets) == 1, np.array(rules.horizons), measured.interval
    methods = list(measured.errors) if one else ["model"]
    short = {"model": measured.names["model"], **_SHORT}
    columns = [short[method] for method in methods] if one else list(rules.targets)
    ends = ("±", "inside") if one else tuple(f"{end} {t}" for t in rules.targets for end in ("±", "inside"))
    view = Grid("rows ahead", *columns, *(() if band is None else ends))
    width = len(rules.targets)
    errors = [np.reshape(measured.errors[method].root_mean_square, (-1, width)) for method in methods]
    told = measured.report["interval"]
    held = None if band is None else np.stack([told["half_width"], told["coverage"]], 1)
    for place in np.unique(np.linspace(0, len(horizons) - 1, min(_ROWS, len(horizons))).round().astype(int)):
        cells = [f"{number:.4g}" for each in errors for number in each[place]]
        if held is not None:
            pairs = held[place * width : (place + 1) * width]
            cells += [text for half, share in pairs for text in (f"{half:.4g}", f"{share:.1%}")]
        view.add_row(str(horizons[place]), *cells)
    return view


@dataclass(frozen=True)
class Shown:
    """Rows of a picture: `truth`, `forecast`, `baseline`, `lower`, `upper` (rows, K) and `times` (rows,), if known."""

    truth: Floats
    forecast: Floats
    baseline: Floats | None
    lower: Floats | None
    upper: Floats | None
    times: NDArray[Any] | None

    @property
    def ends(self) -> tuple[Floats, Floats] | None:
        """Both ends of the interval."""
        return None if self.lower is None or self.upper is None else (self.lower, self.upper)


def last_paths(chosen: ChosenWindows, measured: Measured, rows: int) -> Shown:
    """About the last `rows` forecasts of measured windows, with a baseline and the interval."""
    rules, length = chosen.series.rules, len(chosen.series.rules.horizons)
    windows = _whole_paths(np.asarray(chosen.series.windows[:, 1]), length, rows)
    others = next((each.forecast for each in measured.baselines if each.forecast is not None), None)
    band = measured.interval
    lower, upper = (None, None) if band is None else (band.lower[windows], band.upper[windows])
    truth, forecast, baseline, lower, upper = (
        None if each is None else np.reshape(each, (-1, len(rules.targets)))
        for each in (
            chosen.series.truth()[windows], measured.forecast[windows], None if others is None else others[windows],
            lower, upper,
        )
    )  # fmt: skip
    assert truth is not None and forecast is not None
    times = None if chosen.times is None else chosen.times[windows].ravel()
    return Shown(truth, forecast, baseline, lower, upper, times)


def last_rows(forecast: Floats, truth: Floats, times: NDArray[Any] | None, rules: SeriesRules, rows: int) -> Shown:
    """About the last `rows` forecasts of a table whose windows end at every row."""
    windows = _whole_paths(np.arange(len(forecast)), len(rules.horizons), rows)
    known, made = (np.reshape(each[windows], (-1, len(rules.targets))) for each in (truth, forecast))
    return Shown(known, made, None, None, None, None if times is None else times[windows].ravel())


def _whole_paths(origins: NDArray[np.int64], length: int, rows: int) -> NDArray[np.int64]:
    """The last windows, of several horizons those that begin where one ends; `origins` (N,) rise in a sequence."""
    if length == 1:
        return np.arange(max(0, len(origins) - rows), len(origins))
    picked = [len(origins) - 1]
    while len(picked) < max(1, rows // length):
        earlier = np.flatnonzero(origins[: picked[-1]] <= origins[picked[-1]] - length)
        if not len(earlier):
            break
        picked.append(int(earlier[-1]))
    return np.array(picked[::-1])
