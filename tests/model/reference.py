"""The recurrent cells in NumPy and float64, written from their equations alone, as a reference for those in torch.

Every function takes x (time, batch, inputs), the state before the first step and the weights by letter, and returns
h (time, batch, hidden) and the state after the last step. A batch is run one row at a time, so that equations are
on vectors, as on paper; the cells share only the loop.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = tuple[Array, ...]
Weights = Mapping[str, Array]
Result = tuple[Array, State]
Step = Callable[..., tuple[Array, ...]]


def elman(x: Array, state: State, weights: Weights) -> Result:
    """h(t) = tanh(b + U x(t) + W h(t−1)); state (h,)."""
    U, W, b = weights["U"], weights["W"], weights["b"]

    def step(x_t: Array, h: Array) -> tuple[Array, ...]:
        a = b + U @ x_t + W @ h
        return (np.tanh(a),)

    return _run(step, x, state)


def elman_relu(x: Array, state: State, weights: Weights) -> Result:
    """h(t) = max(0, b + U x(t) + W h(t−1)); state (h,)."""
    U, W, b = weights["U"], weights["W"], weights["b"]

    def step(x_t: Array, h: Array) -> tuple[Array, ...]:
        a = b + U @ x_t + W @ h
        return (np.where(a > 0, a, 0.0),)

    return _run(step, x, state)


def lstm(x: Array, state: State, weights: Weights, activation: str = "tanh") -> Result:
    """Rows of U, W, b in the order g, f, c, q; peepholes where there is a P, its rows g, f, q; state (h, s).

    g = σ(bᵍ + Uᵍ x + Wᵍ h + Pᵍ∘s(t−1))
    f = σ(bᶠ + Uᶠ x + Wᶠ h + Pᶠ∘s(t−1))
    c = tanh(bᶜ + Uᶜ x + Wᶜ h), or without the tanh
    s(t) = f s(t−1) + g c
    q = σ(b^q + U^q x + W^q h + P^q∘s(t))
    h = tanh(s(t)) q
    """
    Ug, Uf, Uc, Uq = np.split(weights["U"], 4)
    Wg, Wf, Wc, Wq = np.split(weights["W"], 4)
    bg, bf, bc, bq = np.split(weights["b"], 4)
    Pg, Pf, Pq = weights.get("P", np.zeros((3, len(bg))))

    def step(x_t: Array, h: Array, s: Array) -> tuple[Array, ...]:
        g = _sigmoid(bg + Ug @ x_t + Wg @ h + Pg * s)
        f = _sigmoid(bf + Uf @ x_t + Wf @ h + Pf * s)
        c = bc + Uc @ x_t + Wc @ h
        if activation == "tanh":
            c = np.tanh(c)
        s = f * s + g * c
        q = _sigmoid(bq + Uq @ x_t + Wq @ h + Pq * s)
        return np.tanh(s) * q, s

    return _run(step, x, state)


def gru(x: Array, state: State, weights: Weights) -> Result:
    """Rows of U, W, b in the order r, z, n; state (h,).

    r = σ(bʳ + Uʳ x + Wʳ h)
    z = σ(bᶻ + Uᶻ x + Wᶻ h)
    n = tanh(bⁿ + Uⁿ x + r ∘ (Wⁿ h))
    h(t) = (1 − z) n + z h(t−1)
    """
    Ur, Uz, Un = np.split(weights["U"], 3)
    Wr, Wz, Wn = np.split(weights["W"], 3)
    br, bz, bn = np.split(weights["b"], 3)

    def step(x_t: Array, h: Array) -> tuple[Array, ...]:
        r = _sigmoid(br + Ur @ x_t + Wr @ h)
        z = _sigmoid(bz + Uz @ x_t + Wz @ h)
        n = np.tanh(bn + Un @ x_t + r * (Wn @ h))
        return ((1 - z) * n + z * h,)

    return _run(step, x, state)


def output_recurrent(x: Array, state: State, weights: Weights, feedback: str = "probabilities") -> Result:
    """V (outputs, hidden) and c (outputs,) are the output layer's; state (h, ŷ).

    h(t) = tanh(U x(t) + W ŷ(t−1) + b)
    o(t) = V h(t) + c
    ŷ(t) = softmax o(t), or o(t)
    """
    U, W, b, V, c = (weights[letter] for letter in "UWbVc")

    def step(x_t: Array, h: Array, y: Array) -> tuple[Array, ...]:
        h = np.tanh(U @ x_t + W @ y + b)
        o = V @ h + c
        return h, _softmax(o) if feedback == "probabilities" else o

    return _run(step, x, state)


def output_recurrent_forced(x: Array, previous: Array, weights: Weights) -> Array:
    """h(t) = tanh(U x(t) + W y(t−1) + b), y(t−1) = previous[t] (batch, outputs)."""
    U, W, b = weights["U"], weights["W"], weights["b"]
    h = [[np.tanh(U @ x_t + W @ y + b) for x_t, y in zip(*rows, strict=True)] for rows in zip(x, previous, strict=True)]
    return np.array(h)


REFERENCE: dict[str, Callable[..., Any]] = {
    "elman": elman,
    "elman-relu": elman_relu,
    "lstm": lstm,
    "gru": gru,
    "output-recurrent": output_recurrent,
}


def _run(step: Step, x: Array, state: State) -> Result:
    """Step after step, and in each step row after row."""
    outputs = []
    for x_t in x:
        rows = [step(*row) for row in zip(x_t, *state, strict=True)]
        state = tuple(np.array(part) for part in zip(*rows, strict=True))
        outputs.append(state[0])
    return np.array(outputs), state


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _softmax(o: Array) -> Array:
    return np.asarray(np.exp(o) / np.exp(o).sum())
