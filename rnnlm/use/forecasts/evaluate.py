"""Evaluation of forecasts: the windows that are measured, and the errors in the data's units."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.settings import SPLITS
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.model.quantiles import by_quantile, median
from rnnlm.tables.apply import apply_rules, unseen, unseen_labels
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series, open_series
from rnnlm.tables.source import read_table, table_digest
from rnnlm.tables.table import Table, open_table
from rnnlm.use.forecasts.baselines import rmse_mae


@dataclass(frozen=True)
class ChosenWindows:
    """Windows, their name, the digest of their table, their `split` if they are one, and those of `train`, if any.

    `before` are the splits whose rows precede these in the table, earliest first; none where there are several
    sequences. `notices` are lines about values that training has not seen. `times` (N,) are those of the rows that are
    forecast, dates or numbers, where the table has such a column and one sequence.
    """

    series: Series
    name: str
    table_sha256: str
    split: str | None
    train: Series | None
    before: tuple[Series, ...] = ()
    notices: tuple[str, ...] = ()
    times: NDArray[Any] | None = None


def choose_windows(found: FoundModel, split: str | None, table: str | None) -> ChosenWindows:
    """The windows of a table, or of the given split, or of test, or of valid where test has none.

    Raises UsageError for a model without a workspace, or a workspace whose windows have other rules.
    """
    model, workspace = found.model, found.workspace
    rules = SeriesRules.from_json(model.config["series"])
    train = None
    if workspace is not None and workspace.manifest("window") is not None:
        with workspace.opening("window") as directory:
            train = open_series(directory, "train")
        train = train if train.rules == rules else None
    if table is not None:
        path, read = Path(table), read_table(Path(table))
        series = apply_rules(read, rules)
        notices = (*unseen(read, rules), *unseen_labels(series.numbers, rules.label, table))
        times = forecast_times(read, series, 0)
        return ChosenWindows(series, table, table_digest(path), None, train, notices=notices, times=times)
    if workspace is None or train is None:
        other = "has no workspace" if workspace is None else "was trained on other windows"
        raise UsageError(f"{model.path} {other}", "name a table with --text TABLE")
    digest = str(workspace.verified("table").setting("source_sha256"))
    for name in [split] if split else ["test", "valid"]:
        with workspace.opening("window") as directory:
            series = open_series(directory, name)
            earlier = () if rules.group else SPLITS[: SPLITS.index(name)]
            before = tuple(open_series(directory, each) for each in earlier)
        if len(series):
            with workspace.opening("table") as directory:
                times = forecast_times(open_table(directory), series, sum(len(each.inputs) for each in before))
            return ChosenWindows(series, f"{name} split", digest, name, train, before, times=times)
    raise InputError(f"the {name} split of {workspace.path} has no window", "name another with --split")


def forecast_times(table: Table, series: Series, first: int) -> NDArray[Any] | None:
    """(N,) the time of the row that each window forecasts, as dates or numbers; `first` is the table's row of row 0.

    With several horizons (N, horizons). After the end of a sequence, such as a gap, time goes on by the usual step.
    None without a column of times, or where the rows of several groups stand one after the other.
    """
    rules = series.rules
    if rules.time is None or rules.group is not None or not table.has(rules.time):
        return None
    rows, moments = np.asarray(series.windows[:, 1])[:, None] - 1 + np.array(rules.horizons), table.moment(rules.time)
    known = np.minimum(rows, series.sequence_ends(np.arange(len(series)))[:, None] - 1)
    found: NDArray[Any] = moments[first + known] + (rows - known) * usual_step(moments)
    found = found[:, 0] if rules.first is None else found
    return found.astype("datetime64[s]") if table.column(rules.time).kind == "date" else found


def usual_step(moments: Floats) -> float:
    """The usual step between rows."""
    return float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0


@dataclass(frozen=True)
class Errors:
    """The errors of one method for each output, in its units.

    `nats_per_value` is the cost under a Gaussian whose standard deviation is the method's own error, for comparison
    between methods: log(error · √(2πe)).
    """

    root_mean_square: tuple[float, ...]
    mean_absolute: tuple[float, ...]

    @property
    def nats_per_value(self) -> tuple[float, ...]:
        """One number per output."""
        return tuple(math.log(max(error, 1e-300) * math.sqrt(2 * math.pi * math.e)) for error in self.root_mean_square)


def forecasts(model: Network, data: Series, batch_size: int, *, forced: bool = False) -> Floats:
    """(N, outputs) the network's forecast for each window, in the data's units.

    `forced` feeds the previous true value back to a network that otherwise feeds back its own output.
    """
    found = np.empty((len(data), len(data.rules.outputs)))
    for piece in predictions(model, data, batch_size, forced=forced):
        found[piece.rows] = data.in_units(piece.rows, median(model.architecture, piece.last()))
    return found


def forecast_ends(model: Network, data: Series, batch_size: int) -> tuple[Floats, Floats]:
    """The first and the last of the learned quantiles, (N, outputs) each, in the data's units."""
    lower, upper = (np.empty((len(data), len(data.rules.outputs))) for _ in range(2))
    for piece in predictions(model, data, batch_size):
        found = by_quantile(model.architecture, piece.last())
        lower[piece.rows], upper[piece.rows] = (data.in_units(piece.rows, found[:, place]) for place in (0, -1))
    return lower, upper


def errors(forecast: Floats, truth: Floats) -> Errors:
    """The errors of forecasts (N, outputs)."""
    return Errors(*(tuple(map(float, metric)) for metric in rmse_mae(forecast, truth)))


def over_horizons(found: Errors, rules: SeriesRules) -> Errors:
    """Those of each target over all its horizons, for windows with a known value at each of them."""
    squares, absolutes = (
        np.reshape(each, (len(rules.horizons), -1)) for each in (found.root_mean_square, found.mean_absolute)
    )
    return Errors(tuple(np.sqrt((squares**2).mean(0)).tolist()), tuple(absolutes.mean(0).tolist()))
