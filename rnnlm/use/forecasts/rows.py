"""Forecasts of a table, a row for each, as `rnnlm predict` and a forecaster in Python return them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.errors import InputError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.tables.apply import apply_rules, sequence_names, sequence_rows
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.table import Table
from rnnlm.use.forecasts.evaluate import forecast_times, forecasts, usual_step
from rnnlm.use.forecasts.interval import interval_of


@dataclass(frozen=True)
class ForecastRow:
    """A forecast: of which row, from 1 in its sequence (of which `group`), and of each target in the data's units.

    With several horizons `step` is the number of rows after the last that was read.
    """

    group: str | None
    row: int
    values: dict[str, float]
    step: int | None = None


@dataclass(frozen=True)
class TableForecast:
    """The forecasts (N, outputs) for every window of a table, and the true values, NaN where the table lacks them.

    `numbers` (N,) are those of each window's last row.
    """

    rules: SeriesRules
    forecast: Floats
    truth: Floats
    numbers: tuple[int, ...]
    groups: tuple[str, ...]
    times: NDArray[Any] | None = None

    def rows(self, *, all: bool = False) -> Iterator[ForecastRow]:
        """The forecasts whose future is not in the table, or `all`."""
        rules, width, several = self.rules, len(self.rules.targets), self.rules.first is not None
        for window, number in enumerate(self.numbers):
            for place, horizon in enumerate(rules.horizons):
                here = slice(place * width, (place + 1) * width)
                if all or np.isnan(self.truth[window, here]).any():
                    values = dict(zip(rules.targets, self.forecast[window, here].tolist(), strict=True))
                    group = self.groups[window] if self.groups else None
                    yield ForecastRow(group, number + horizon, values, horizon if several else None)

    def lines(self, *, all: bool, as_json: bool) -> Iterator[str]:
        """The same as JSON, or separated by tabs below the names of columns."""
        rules, several = self.rules, self.rules.first is not None
        if not as_json:
            yield "\t".join([*filter(None, [rules.group]), "row", *["step"] * several, *rules.targets])
        for each in self.rows(all=all):
            steps = {"step": each.step} if several else {}
            if as_json:
                group = {"group": each.group} if rules.group else {}
                yield json.dumps({**group, "row": each.row, **steps, "forecast": each.values}, ensure_ascii=False)
            else:
                cells = [each.group or ""] if rules.group else []
                numbers = (f"{value:.6g}" for value in each.values.values())
                yield "\t".join([*cells, str(each.row), *map(str, steps.values()), *numbers])


def forecast_table(
    network: Network, rules: SeriesRules, table: Table, name: str, batch_size: int, *, all: bool
) -> TableForecast:
    """The forecasts for a table; InputError where every value is known and not `all` are wanted."""
    series = apply_rules(table, rules, future=True)
    forecast, truth = forecasts(network, series, batch_size), series.truth()
    if not len(series) or not (all or np.isnan(truth).any()):
        raise InputError(f"{name} contains every value that could be forecast", "use --all to forecast them anyway")
    rows = series.windows[:, 1] - series.sequence_starts(np.arange(len(series)))
    times = forecast_times(table, series, 0)
    return TableForecast(rules, forecast, truth, tuple(map(int, rows)), sequence_names(table, series), times)


@dataclass(frozen=True)
class FutureRow:
    """What comes `step` rows after the last row of a series: `when` it is, by the time column or as a row number.

    `values`, and the `lower` and `upper` ends of their interval where there is one, are in the data's units.
    """

    group: str | None
    when: str | float | int
    step: int
    values: dict[str, float]
    lower: dict[str, float] | None
    upper: dict[str, float] | None


@dataclass(frozen=True)
class Future:
    """The horizons after the last row of each series of a table."""

    rules: SeriesRules
    timed: bool
    rows: tuple[FutureRow, ...]

    def lines(self, *, as_json: bool) -> Iterator[str]:
        """The rows as JSON, or separated by tabs below the names of columns; an end that is not known is empty."""
        group, when = self.rules.group, self.rules.time if self.timed else "row"
        if not as_json:
            columns = [column for t in self.rules.targets for column in (t, f"{t} lower", f"{t} upper")]
            yield "\t".join([*filter(None, [group]), str(when), "step", *columns])
        for row in self.rows:
            if as_json:
                ends = {} if row.lower is None else {"lower": row.lower, "upper": row.upper}
                at = {"time" if self.timed else "row": row.when, "step": row.step}
                name = {"group": row.group} if group else {}
                yield json.dumps({**name, **at, "forecast": row.values, **ends}, ensure_ascii=False)
                continue
            found = [row.values, row.lower or {}, row.upper or {}]
            cells = [f"{each[t]:.6g}" if t in each else "" for t in self.rules.targets for each in found]
            yield "\t".join([*([row.group or ""] if group else []), str(row.when), str(row.step), *cells])


def forecast_future(found: FoundModel, network: Network, rules: SeriesRules, table: Table, batch_size: int) -> Future:
    """The horizons after the last row of each series, with their interval if there is one.

    InputError for a table that is too short. Dates go on by the usual step of their series.
    """
    series = apply_rules(table, rules, future=True)
    groups, (order, starts) = sequence_names(table, series), sequence_rows(table, rules.group)
    last = {groups[window] if groups else None: window for window in range(len(series))}
    ends = replace(series, windows=np.asarray(series.windows)[list(last.values())])
    forecast = forecasts(network, ends, batch_size)
    band = interval_of(found, network, ends, forecast, batch_size)
    timed = rules.time is not None and table.has(rules.time)
    moments = table.moment(rules.time)[order] if timed and rules.time is not None else np.zeros(0)
    dates = timed and table.column(rules.time or "").kind == "date"
    edges, rows, width = np.append(starts, table.rows), list[FutureRow](), len(rules.targets)
    sides = [forecast] if band is None else [forecast, band.lower, band.upper]
    for number, (group, end) in enumerate(zip(last, np.asarray(ends.windows)[:, 1].tolist(), strict=True)):
        sequence = int(np.searchsorted(edges, end, "left")) - 1
        own = moments[edges[sequence] : edges[sequence + 1]]
        for place, horizon in enumerate(rules.horizons):
            here = slice(place * width, (place + 1) * width)
            when: str | float | int = end - int(edges[sequence]) + horizon
            if timed:
                moment = float(moments[end - 1] + horizon * usual_step(own))
                when = str(np.datetime64(round(moment), "s")) if dates else moment
            values, *of_ends = (dict(zip(rules.targets, side[number, here].tolist(), strict=True)) for side in sides)
            lower, upper = of_ends or (None, None)
            rows.append(FutureRow(group, when, horizon, values, lower, upper))
    return Future(rules, timed, tuple(rows))
