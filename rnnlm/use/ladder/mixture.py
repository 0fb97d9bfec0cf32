"""Weights of a linear mixture of models, fitted by expectation maximisation. Models are columns of nats here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Nats = NDArray[np.float64]

_CLOSE = 1e-7  # nats a token that the fit may be above the best one
_MOST_STEPS = 20_000


def fit_weights(costs: Sequence[Nats]) -> NDArray[np.float64]:
    """The weights w ≥ 0, Σ w = 1, under which Σ_t −log Σ_k w_k p_k(t) is least; (components,).

    `costs` are −log p_k(t), (tokens,) each, of the same tokens; infinity stands for p = 0. From equal weights on,

        w_k ← w_k g_k,   g_k = mean_t p_k(t) / Σ_j w_j p_j(t)

    (Dempster, Laird & Rubin 1977). The cost is convex in w, and it is above its least value by at most max_k g_k − 1
    nats a token: the steps end when that is small, so that the end does not depend on the beginning.
    """
    stacked = np.stack(costs)
    # Dividing every p of a token by the largest changes no g and keeps all within what a float64 can hold.
    p = np.exp(stacked.min(0) - stacked)
    weights = np.full(len(p), 1 / len(p))
    for _ in range(_MOST_STEPS):
        gain = p @ (1 / (weights @ p)) / p.shape[1]
        if gain.max() - 1 < _CLOSE:
            break
        weights *= gain
        weights /= weights.sum()
    return weights
