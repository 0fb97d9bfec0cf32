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
    """Rows of U, W, b in the order g, f, c, q; peepholes where there is a p, its rows g, f, q; state (h, s).

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
    Pg, Pf, Pq = np.split(weights.get("p", np.zeros(3 * len(bg))), 3)

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


def linear(x: Array, state: State, weights: Weights) -> Result:
    """h(t) = U x(t) + W h(t−1)."""
    return _run(lambda x_t, h: (weights["U"] @ x_t + weights["W"] @ h,), x, state)


def indrnn(x: Array, state: State, weights: Weights) -> Result:
    """h(t) = max(0, U x(t) + w∘h(t−1) + b) (Li et al. 2018, equation 2)."""
    return _run(lambda x_t, h: (np.maximum(0, weights["U"] @ x_t + weights["w"] * h + weights["b"]),), x, state)


def lstm_coupled(x: Array, state: State, weights: Weights) -> Result:
    """An LSTM whose input gate is 1 − f; rows f, c, q (Greff et al. 2017, appendix A4)."""

    def step(x_t: Array, h: Array, s: Array) -> tuple[Array, ...]:
        f, c, q = np.split(weights["U"] @ x_t + weights["W"] @ h + weights["b"], 3)
        s = _sigmoid(f) * s + (1 - _sigmoid(f)) * np.tanh(c)
        return _sigmoid(q) * np.tanh(s), s

    return _run(step, x, state)


def mingru(x: Array, state: State, weights: Weights) -> Result:
    """z, c of x(t) alone, h = (1 − z) h + z c (Feng et al. 2024, section 3.1)."""

    def step(x_t: Array, h: Array) -> tuple[Array, ...]:
        z, c = np.split(weights["U"] @ x_t + weights["b"], 2)
        return (h + _sigmoid(z) * (c - h),)

    return _run(step, x, state)


def minlstm(x: Array, state: State, weights: Weights) -> Result:
    """f' = f / (f + i), i' = i / (f + i), h = f' h + i' c (Feng et al. 2024, section 3.2)."""

    def step(x_t: Array, h: Array) -> tuple[Array, ...]:
        f, i, c = np.split(weights["U"] @ x_t + weights["b"], 3)
        share = _sigmoid(f) / (_sigmoid(f) + _sigmoid(i))
        return (share * h + (1 - share) * c,)

    return _run(step, x, state)


def qrnn(x: Array, state: State, weights: Weights) -> Result:
    """Convolution over x(t−1) and x(t), fo-pooling (Bradbury et al. 2017, equations 2 and 4); state (h, x, c)."""

    def step(x_t: Array, h: Array, last: Array, c: Array) -> tuple[Array, ...]:
        z, f, o = np.split(weights["V"] @ last + weights["U"] @ x_t + weights["b"], 3)
        c = _sigmoid(f) * c + (1 - _sigmoid(f)) * np.tanh(z)
        return _sigmoid(o) * c, x_t, c

    return _run(step, x, state)


def sru(x: Array, state: State, weights: Weights) -> Result:
    """Equations 1 to 4 of Lei et al. 2018, with U_h x(t) for x(t) in the highway; state (h, c)."""
    v_f, v_r = np.split(weights["v"], 2)
    b_f, b_r = np.split(weights["b"], 2)

    def step(x_t: Array, h: Array, c: Array) -> tuple[Array, ...]:
        f, r, new, skip = np.split(weights["U"] @ x_t, 4)
        f, r = _sigmoid(f + v_f * c + b_f), _sigmoid(r + v_r * c + b_r)
        c = f * c + (1 - f) * new
        return r * c + (1 - r) * skip, c

    return _run(step, x, state)


def slstm(x: Array, state: State, weights: Weights) -> Result:
    """Equations 8 to 17 of Beck et al. 2024 with f = σ, one head; state (h, m, c, n)."""

    def step(x_t: Array, h: Array, m: Array, c: Array, n: Array) -> tuple[Array, ...]:
        i, f, z, o = np.split(weights["U"] @ x_t + weights["W"] @ h + weights["b"], 4)
        log_f = np.log(_sigmoid(f))
        new = np.maximum(log_f + m, i)
        i, f = np.exp(i - new), np.exp(log_f + m - new)
        c, n = f * c + i * np.tanh(z), f * n + i
        return _sigmoid(o) * (c / n), new, c, n

    return _run(step, x, state)


def mogrifier(x: Array, state: State, weights: Weights) -> Result:
    """Equations 1 and 2 of Melis et al. 2020 with r = 4, then an LSTM; state (h, s)."""
    (Q1, Q2), (R1, R2) = np.split(weights["Q"], 2), np.split(weights["R"], 2)

    def step(x_t: Array, h: Array, s: Array) -> tuple[Array, ...]:
        for Q, R in ((Q1, R1), (Q2, R2)):
            x_t = 2 * _sigmoid(Q @ h) * x_t
            h = 2 * _sigmoid(R @ x_t) * h
        g, f, c, q = np.split(weights["U"] @ x_t + weights["W"] @ h + weights["b"], 4)
        s = _sigmoid(f) * s + _sigmoid(g) * np.tanh(c)
        return np.tanh(s) * _sigmoid(q), s

    return _run(step, x, state)


def lstm_plain(x: Array, state: State, weights: Weights) -> Result:
    """The candidate without tanh."""
    return lstm(x, state, weights, activation="none")


REFERENCE: dict[str, Callable[..., Any]] = {
    "elman": elman,
    "elman-relu": elman_relu,
    "linear": linear,
    "indrnn": indrnn,
    "lstm": lstm,
    "lstm-peephole": lstm,
    "lstm-plain": lstm_plain,
    "lstm-plain-peephole": lstm_plain,
    "lstm-coupled": lstm_coupled,
    "gru": gru,
    "mingru": mingru,
    "minlstm": minlstm,
    "qrnn": qrnn,
    "sru": sru,
    "slstm": slstm,
    "mogrifier": mogrifier,
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
