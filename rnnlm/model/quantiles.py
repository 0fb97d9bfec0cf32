"""The outputs of a forecast that learns quantiles: the forecast itself, the ends, and their cost."""

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.model.architecture import Architecture


def by_quantile(architecture: Architecture, outputs: Floats) -> Floats:
    """(n, quantiles, K) of outputs (n, quantiles × K), each value's quantiles in rising order.

    Quantiles that were learned apart may cross; sorted ones are no further from the truth (Chernozhukov et al. 2010).
    """
    return np.sort(outputs.reshape(len(outputs), len(architecture.quantiles), -1), axis=1)


def median(architecture: Architecture, outputs: Floats) -> Floats:
    """(n, K) the forecast itself: the outputs, or those of the quantile 0.5."""
    if not architecture.quantiles:
        return outputs
    return np.asarray(by_quantile(architecture, outputs)[:, architecture.quantiles.index(0.5)])


def pinball(architecture: Architecture, outputs: Floats, truth: Floats) -> Floats:
    """(n, K) the mean loss over the quantiles; NaN where the true value (n, K) is."""
    q = np.array(architecture.quantiles)[:, None]
    return np.asarray(quantile_loss(q, truth[:, None] - by_quantile(architecture, outputs)).mean(1))


def quantile_loss(q: Floats | float, over: Floats) -> Floats:
    """max(q e, (q − 1) e) of true values that are `over` a forecast of their quantile q by e."""
    return np.asarray(np.maximum(q * over, (q - 1) * over))
