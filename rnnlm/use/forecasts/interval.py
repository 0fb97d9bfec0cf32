"""An interval around forecasts whose width is that of the errors on the validation data.

The k-th smallest of n absolute errors, k = ⌈(n + 1) · share⌉, on either side: a new value is inside with at least that
probability if its error is like those (split conformal prediction; Vovk et al. 2005, Lei et al. 2018). Series change in
time, so that the share that is met is measured, too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.use.forecasts.evaluate import choose_windows, forecasts

SHARE = 0.9


@dataclass(frozen=True)
class Interval:
    """`half_width` (outputs,) on either side of a forecast, from the errors of `windows` validation windows."""

    half_width: Floats
    windows: int

    def coverage(self, forecast: Floats, truth: Floats) -> Floats:
        """(outputs,) the share of known values (N, outputs) that are inside."""
        known = ~np.isnan(truth)
        inside = (np.abs(forecast - truth) <= self.half_width) & known
        return np.asarray(inside.sum(0) / np.maximum(known.sum(0), 1))

    def described(self, forecast: Floats, truth: Floats) -> dict[str, Any]:
        """The interval as JSON, a number per output.

        `pinball` is the mean quantile loss of its lower end, the forecast and its upper end, in the data's units.
        """
        losses = []
        for quantile, side in (((1 - SHARE) / 2, -1), (0.5, 0), ((1 + SHARE) / 2, 1)):
            over = truth - (forecast + side * self.half_width)
            losses.append(np.nanmean(np.maximum(quantile * over, (quantile - 1) * over), 0))
        return {
            "share": SHARE, "half_width": self.half_width.tolist(), "width": (2 * self.half_width).tolist(),
            "coverage": self.coverage(forecast, truth).tolist(), "pinball": np.mean(losses, 0).tolist(),
        }  # fmt: skip


def interval_of(found: FoundModel, network: Network, batch_size: int) -> Interval | None:
    """The interval of a model; None where its workspace has too few validation windows, or is not there."""
    try:
        data = choose_windows(found, "valid", None).series
    except (InputError, UsageError):
        return None
    return half_width(forecasts(network, data, batch_size), data.truth())


def half_width(forecast: Floats, truth: Floats, share: float = SHARE) -> Interval | None:
    """The interval of forecasts (N, outputs) and true values, NaN where unknown; None where one has too few."""
    errors = [np.sort(column[~np.isnan(column)]) for column in np.abs(forecast - truth).T]
    places = [math.ceil((len(column) + 1) * share) - 1 for column in errors]
    if any(place >= len(column) for place, column in zip(places, errors, strict=True)):
        return None
    return Interval(np.array([column[place] for place, column in zip(places, errors, strict=True)]), len(truth))
