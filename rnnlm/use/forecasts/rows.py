"""Forecasts of a table, a row for each, as `rnnlm predict` and a forecaster in Python return them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.errors import InputError
from rnnlm.model.network import Network
from rnnlm.tables.apply import apply_rules, sequence_rows
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series
from rnnlm.tables.table import Table
from rnnlm.use.forecasts.evaluate import forecast_times, forecasts


@dataclass(frozen=True)
class ForecastRow:
    """A forecast: of which row, from 1 in its sequence (of which `group`), and of each target in the data's units."""

    group: str | None
    row: int
    values: dict[str, float]


@dataclass(frozen=True)
class TableForecast:
    """The forecasts (N, K) for every window of a table, and the true values, NaN where the table lacks them."""

    rules: SeriesRules
    forecast: Floats
    truth: Floats
    numbers: tuple[int, ...]
    groups: tuple[str, ...]
    times: NDArray[Any] | None = None

    def rows(self, *, all: bool = False) -> Iterator[ForecastRow]:
        """The forecasts whose future is not in the table, or `all`."""
        for window in range(len(self.forecast)) if all else np.flatnonzero(np.isnan(self.truth).any(1)):
            values = dict(zip(self.rules.targets, self.forecast[window].tolist(), strict=True))
            yield ForecastRow(self.groups[window] if self.groups else None, self.numbers[window], values)


def forecast_table(
    network: Network, rules: SeriesRules, table: Table, name: str, batch_size: int, *, all: bool
) -> TableForecast:
    """The forecasts for a table; InputError where every value is known and not `all` are wanted."""
    series = apply_rules(table, rules, future=True)
    forecast, truth = forecasts(network, series, batch_size), series.truth()
    if not len(series) or not (all or np.isnan(truth).any()):
        raise InputError(f"{name} contains every value that could be forecast", "use --all to forecast them anyway")
    rows = series.windows[:, 1] - series.sequence_starts(np.arange(len(series))) + rules.horizon
    times = forecast_times(table, series, 0)
    return TableForecast(rules, forecast, truth, tuple(map(int, rows)), _groups(table, series), times)


def _groups(table: Table, series: Series) -> tuple[str, ...]:
    """The name of the sequence of each window; none where the table is one sequence."""
    if series.rules.group is None:
        return ()
    order, _ = sequence_rows(table, series.rules.group)
    codes, names = table.labels(series.rules.group)
    return tuple(names[code] for code in codes[order[series.windows[:, 0]]])
