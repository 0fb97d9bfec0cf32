"""Weights of a linear mixture of models, fitted by expectation maximization on columns of nats."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Nats = NDArray[np.float64]

_PRIOR = 200.0  # tokens that the weights of all contexts count for in each class of them
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


def weights_by_class(costs: Sequence[Nats], classes: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    """Weights for each class of tokens, (count, components): those of all tokens, moved to those of the class.

    `classes` (tokens,) are below `count`. In a class of n tokens the same iteration with a Dirichlet prior around the
    weights w⁰ of all tokens, which counts for m tokens, so that few tokens change little:

        w_k ← (n w_k g_k + m w⁰_k) / (n + m)
    """
    whole = fit_weights(costs)
    found = np.tile(whole, (count, 1))
    for number in range(count):
        stacked = np.stack([cost[classes == number] for cost in costs])
        p, n = np.exp(stacked.min(0) - stacked), stacked.shape[1]
        weights = found[number]
        for _ in range(_MOST_STEPS if n else 0):
            before = weights.copy()
            weights *= p @ (1 / (weights @ p))
            weights += _PRIOR * whole
            weights /= n + _PRIOR
            if np.abs(weights - before).max() < _CLOSE:
                break
    return found
