"""One step of each recurrent cell in ONNX operators: the equations of `model/cells/`, in the same letters.

A step takes the input projection b + U x(t) and the state before it, all (batch, ·), and returns the state after it,
h(t) first. Each cell has a row in `STEPS` and an entry in `STATE`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.model.architecture import Architecture
from rnnlm.use.export.onnx_nodes import Nodes

StateNames = tuple[str, ...]


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights under their letters, the name that its constants begin with, and the forms of its cell.

    `output` adds the output layer: h (…, hidden) → o (…, outputs).
    """

    name: str
    weights: Mapping[str, NDArray[Any]]
    architecture: Architecture
    output: Callable[[Nodes, str], str]

    def transposed(self, nodes: Nodes, letter: str) -> str:
        """The transpose of a matrix, for products with rows."""
        return nodes.constant(f"{self.name}.{letter}.T", self.weights[letter].T)

    def project(self, nodes: Nodes, x: str) -> str:
        """b + U x: (…, inputs) → (…, rows)."""
        b = nodes.constant(f"{self.name}.b", self.weights["b"])
        return nodes.op("Add", nodes.op("MatMul", x, self.transposed(nodes, "U")), b)

    def recur(self, nodes: Nodes, h: str) -> str:
        """W h: (batch, ·) → (batch, rows)."""
        return nodes.op("MatMul", h, self.transposed(nodes, "W"))


def _elman(nodes: Nodes, layer: LayerWeights, projected: str, state: StateNames, act: str = "Tanh") -> StateNames:
    """h(t) = tanh(b + U x(t) + W h(t−1)), or max(0, …)."""
    return (nodes.op(act, nodes.op("Add", projected, layer.recur(nodes, state[0]))),)


def _elman_relu(nodes: Nodes, layer: LayerWeights, projected: str, state: StateNames) -> StateNames:
    return _elman(nodes, layer, projected, state, "Relu")


def _gru(nodes: Nodes, layer: LayerWeights, projected: str, state: StateNames) -> StateNames:
    """r and z are gates, n = tanh(bⁿ + Uⁿ x + r Wⁿ h(t−1)), h(t) = (1 − z) n + z h(t−1)."""
    (h,) = state
    r, z, n = nodes.split(projected, 3)
    Wr, Wz, Wn = nodes.split(layer.recur(nodes, h), 3)
    r, z = (nodes.op("Sigmoid", nodes.op("Add", *pair)) for pair in ((r, Wr), (z, Wz)))
    n = nodes.op("Tanh", nodes.op("Add", n, nodes.op("Mul", r, Wn)))
    renewed = nodes.op("Mul", nodes.op("Sub", nodes.constant("one", np.float32(1).reshape(1)), z), n)
    return (nodes.op("Add", renewed, nodes.op("Mul", z, h)),)


def _lstm(nodes: Nodes, layer: LayerWeights, projected: str, state: StateNames) -> StateNames:
    """s(t) = f s(t−1) + g c, h(t) = tanh(s(t)) q; with peepholes P the gates see s."""
    h, s = state
    g, f, c, q = nodes.split(nodes.op("Add", projected, layer.recur(nodes, h)), 4)
    seen = layer.weights.get("P")

    def see(gate: str, row: int, cell: str) -> str:
        if seen is None:
            return gate
        return nodes.op("Add", gate, nodes.op("Mul", nodes.constant(f"{layer.name}.P.{row}", seen[row]), cell))

    g, f = nodes.op("Sigmoid", see(g, 0, s)), nodes.op("Sigmoid", see(f, 1, s))
    c = nodes.op("Tanh", c) if layer.architecture.activation == "tanh" else c
    s = nodes.op("Add", nodes.op("Mul", f, s), nodes.op("Mul", g, c))
    return nodes.op("Mul", nodes.op("Tanh", s), nodes.op("Sigmoid", see(q, 2, s))), s


def _output_recurrent(nodes: Nodes, layer: LayerWeights, projected: str, state: StateNames) -> StateNames:
    """h(t) = tanh(b + U x(t) + W ŷ(t−1)), ŷ(t) = softmax(V h(t) + c), or V h(t) + c."""
    _, y = state
    h = nodes.op("Tanh", nodes.op("Add", projected, layer.recur(nodes, y)))
    o = layer.output(nodes, h)
    return h, nodes.op("Softmax", o, axis=-1) if layer.architecture.feedback == "probabilities" else o


STEPS: dict[str, Callable[[Nodes, LayerWeights, str, StateNames], StateNames]] = {
    "elman": _elman, "elman-relu": _elman_relu, "gru": _gru, "lstm": _lstm, "output-recurrent": _output_recurrent,
}  # fmt: skip
STATE: dict[str, StateNames] = {
    "elman": ("h",), "elman-relu": ("h",), "gru": ("h",), "lstm": ("h", "s"), "output-recurrent": ("h", "y"),
}  # fmt: skip
