"""Intervals around forecasts: learned quantiles, or as wide as the errors on the validation data.

Of the latter each end lies as far from the forecast as the k-th smallest of n absolute errors, k = ⌈(n + 1) · share⌉: a
new value is inside with at least that probability if its error is like those (split conformal prediction; Vovk et al.
2005, Lei et al. 2018). Series change in time, so that the share that is met is measured, too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.model.quantiles import quantile_loss
from rnnlm.tables.series import Series
from rnnlm.use.forecasts.evaluate import choose_windows, forecast_ends, forecasts

SHARE = 0.9


@dataclass(frozen=True)
class Interval:
    """The ends `lower` and `upper` (N, outputs) of forecasts, and the quantiles that they are meant to be.

    `origin` says for a person what they are by.
    """

    lower: Floats
    upper: Floats
    quantiles: tuple[float, float]
    origin: str

    @property
    def share(self) -> float:
        """The fraction of values that is expected between the ends."""
        return round(self.quantiles[1] - self.quantiles[0], 6)

    def described(self, forecast: Floats, truth: Floats) -> dict[str, Any]:
        """The interval as JSON, a number per output; true values (N, outputs) are NaN where unknown.

        `coverage` is the share of known values inside, `width` the mean distance of the ends, `half_width` half of it,
        and `pinball` the mean quantile loss of lower end, forecast and upper end, in the data's units.
        """
        known = ~np.isnan(truth)
        inside = (self.lower <= truth) & (truth <= self.upper) & known
        made = zip((0.5, *self.quantiles), (forecast, self.lower, self.upper), strict=True)
        losses = [np.nanmean(quantile_loss(quantile, truth - each), 0) for quantile, each in made]
        width = (self.upper - self.lower).mean(0)
        return {
            "share": self.share, "by": self.origin, "half_width": (width / 2).tolist(), "width": width.tolist(),
            "coverage": (inside.sum(0) / np.maximum(known.sum(0), 1)).tolist(),
            "pinball": np.mean(losses, 0).tolist(),
        }  # fmt: skip


def interval_of(
    found: FoundModel, network: Network, series: Series, forecast: Floats, batch_size: int
) -> Interval | None:
    """The interval of the forecasts (N, outputs) of some windows.

    None for a network without quantiles whose workspace has too few validation windows, or is not there.
    """
    quantiles = network.architecture.quantiles
    if quantiles:
        ends = forecast_ends(network, series, batch_size)
        return Interval(*ends, (quantiles[0], quantiles[-1]), "learned quantiles")
    try:
        valid = choose_windows(found, "valid", None).series
    except (InputError, UsageError):
        return None
    half = half_width(forecasts(network, valid, batch_size), valid.truth())
    if half is None:
        return None
    levels = (1 - SHARE) / 2, (1 + SHARE) / 2
    return Interval(forecast - half, forecast + half, levels, f"the errors of {len(valid):,} windows of valid")


def half_width(forecast: Floats, truth: Floats, share: float = SHARE) -> Floats | None:
    """(outputs,) that of forecasts (N, outputs) and true values, NaN where unknown; None where one has too few."""
    errors = [np.sort(column[~np.isnan(column)]) for column in np.abs(forecast - truth).T]
    places = [math.ceil((len(column) + 1) * share) - 1 for column in errors]
    if any(place >= len(column) for place, column in zip(places, errors, strict=True)):
        return None
    return np.array([column[place] for place, column in zip(places, errors, strict=True)])
