"""Weights of a linear mixture of models, fitted by expectation maximization on columns of nats."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Nats = NDArray[np.float64]

_CLOSE = 1e-7  # nats per token that the fit may exceed the optimum by
_MOST_STEPS = 20_000


def fit_weights(costs: Sequence[Nats]) -> NDArray[np.float64]:
    """The weights w ≥ 0, Σ w = 1, under which Σ_t −log Σ_k w_k p_k(t) is least; (components,).

    `costs` are −log p_k(t), (tokens,) each, of the same tokens; infinity stands for p = 0. From equal weights,

        w_k ← w_k g_k,   g_k = mean_t p_k(t) / Σ_j w_j p_j(t)

    (Dempster, Laird & Rubin 1977). The cost is convex in w, and exceeds its minimum by at most max_k g_k − 1 nats per
    token: the iteration ends when that is small, so that the result does not depend on the initial weights.
    """
    stacked = np.stack(costs)
    # Dividing every p of a token by the largest changes no g and keeps all in the range of float64.
    p = np.exp(stacked.min(0) - stacked)
    weights = np.full(len(p), 1 / len(p))
    for _ in range(_MOST_STEPS):
        gain = p @ (1 / (weights @ p)) / p.shape[1]
        if gain.max() - 1 < _CLOSE:
            break
        weights *= gain
        weights /= weights.sum()
    return weights
