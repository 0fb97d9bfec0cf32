"""Errors of a network's forecasts, in the data's units."""

import math
from dataclasses import dataclass

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.tables.series import Series
from rnnlm.use.forecasts.baselines import rmse_mae


@dataclass(frozen=True)
class Errors:
    """The errors of one method for each target, in its units.

    `nats_per_value` is the cost under a Gaussian whose standard deviation is the method's own error, for comparison
    between methods: log(error · √(2πe)).
    """

    root_mean_square: tuple[float, ...]
    mean_absolute: tuple[float, ...]

    @property
    def nats_per_value(self) -> tuple[float, ...]:
        """One number per target."""
        return tuple(math.log(max(error, 1e-300) * math.sqrt(2 * math.pi * math.e)) for error in self.root_mean_square)


def forecasts(model: Network, data: Series, batch_size: int, *, forced: bool = False) -> Floats:
    """(N, K) the network's forecast for each window, in the data's units.

    `forced` feeds the previous true value back to a network that otherwise feeds back its own output.
    """
    found = np.empty((len(data), len(data.rules.targets)))
    for piece in predictions(model, data, batch_size, forced=forced):
        found[piece.rows] = data.rules.in_units(piece.last())
    return found


def errors(forecast: Floats, truth: Floats) -> Errors:
    """The errors of forecasts (N, K)."""
    return Errors(*(tuple(map(float, metric)) for metric in rmse_mae(forecast, truth)))
