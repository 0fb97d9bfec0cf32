"""The output layer of a language model in ONNX operators: projection, tied or own rows, or clusters of rare words."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.architecture import Architecture
from rnnlm.use.export.onnx_nodes import Nodes

EMBEDDING = "embedding"  # the constant that a tied output layer shares with the inputs, (V, D)


class OnnxOutput:
    """Adds o = V u + c, u being h, its projection or the tanh of that; `weights` are all of the network's by name."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]]) -> None:
        self._a, self._weights = architecture, weights

    def __call__(self, nodes: Nodes, h: str) -> str:
        """h (…, hidden) → o (…, outputs), or log p with clusters."""
        if self._a.projected:
            h = nodes.op("MatMul", h, nodes.constant("projection.T", self._weights["projection"].T))
            h = nodes.op("Tanh", h) if self._a.read_out == "tanh" else h
        if self._a.cuts:
            return self._clustered(nodes, h)
        V = self._tied(nodes) if self._a.tied else nodes.constant("output.T", self._weights["output"].T)
        return nodes.op("Add", nodes.op("MatMul", h, V), nodes.constant("bias", self._weights["bias"]))

    def _tied(self, nodes: Nodes) -> str:
        """The transposed embeddings, without the two rows that are never predicted."""
        rows = nodes.constant(EMBEDDING, self._weights["embedding"])
        ends = {"from": FIRST_OUTPUT, "to": self._a.vocabulary, "axis": 0}
        limits = [nodes.constant(f"outputs.{name}", np.array([end])) for name, end in ends.items()]
        return nodes.op("Transpose", nodes.op("Slice", rows, *limits), perm=[1, 0])

    def _clustered(self, nodes: Nodes, h: str) -> str:
        """log p(w) = log p(cluster) + log p(w | cluster); the equations of `model/outputs/clusters.py`."""
        weights, first = self._weights, self._a.cuts[0]
        V = np.concatenate([weights["embedding"][FIRST_OUTPUT:], weights["bands.G"]])
        top = _log_softmax(nodes, h, V, np.concatenate([weights["bias"][:first], weights["bands.a"]]), "band.0")
        sizes = nodes.constant("band.sizes", np.array([first, *[1] * len(self._a.cuts)]))
        own, *clusters = nodes.ops("Split", 1 + len(self._a.cuts), top, sizes, axis=-1)
        parts = [own]
        for number, (begin, end) in enumerate(pairwise([*self._a.cuts, self._a.outputs])):
            up = weights.get(f"bands.later.{number}.up")
            x = h if up is None else nodes.op("MatMul", h, nodes.constant(f"band.{number + 1}.up", up))
            rows = weights[f"bands.later.{number}.rows"]
            within = _log_softmax(nodes, x, rows, weights["bias"][begin:end], f"band.{number + 1}")
            parts.append(nodes.op("Add", within, clusters[number]))
        return nodes.op("Concat", *parts, axis=-1)


def _log_softmax(nodes: Nodes, x: str, V: NDArray[Any], c: NDArray[Any], name: str) -> str:
    """log softmax(V x + c); the constants begin with `name`."""
    o = nodes.op("Add", nodes.op("MatMul", x, nodes.constant(f"{name}.T", V.T)), nodes.constant(f"{name}.c", c))
    return nodes.op("LogSoftmax", o, axis=-1)
