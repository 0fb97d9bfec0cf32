"""A language model as two ONNX graphs: one step with its state, and a whole sequence; any batch, any length.

    step       ids (batch,) int64,      state → log_probabilities (batch, outputs),       state after it
    sequence   ids (batch, time) int64, state → log_probabilities (batch, time, outputs), state after it

Output k is the id k + 2. The state of layer i is `h_i`, (batch, hidden), and what else its cell has (`s_i` of an LSTM,
`y_i` of an output-recurrent network); after the step it is `h_i_next`, and so on. All zeros is the start. Operators are
those of opset 17; the sequence is a `Scan` over the same step for each layer.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import whole_layer
from rnnlm.use.export.onnx_cells import STATE, STEPS, Layer
from rnnlm.use.export.onnx_nodes import Nodes, tensor_info

OPSET, IR_VERSION = 17, 8  # of 2022: what is older than most runtimes in use
_LARGEST = 2**31 - 2**20  # bytes of one file: what its format can say, with room for the graph


class OnnxModel:
    """The graphs of a language model's architecture and weights by name, float32, as `Network.tensors` gives them."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raises UsageError for a model that cannot be written so."""
        self._a, self._weights = architecture, weights
        size = sum(array.nbytes for array in weights.values())
        if size > _LARGEST:
            raise UsageError(f"the weights take {size:,} bytes", "one ONNX file holds 2 GB; no more can be written")
        self._embedding = whole_layer(weights)
        self._layers = [self._layer(number) for number in range(architecture.layers)]

    @property
    def states(self) -> dict[str, int]:
        """The inputs that are the state and their sizes; none where the last token is all that it depends on."""
        if self._a.forced:
            return {}
        sizes = {"h": self._a.hidden, "s": self._a.hidden, "y": self._a.outputs}
        letters = STATE[self._a.cell]
        return {f"{letter}_{number}": sizes[letter] for number in range(self._a.layers) for letter in letters}

    @property
    def outputs(self) -> int:
        """How many ids can be predicted."""
        return self._a.outputs

    def step(self, properties: Mapping[str, str]) -> ModelProto:
        """One step; `properties` are what the file says of itself."""
        nodes = Nodes()
        after: dict[str, str] = {}
        x = nodes.op("Gather", self._table(nodes), "ids")
        for number, layer in enumerate(self._layers):
            drive = layer.drive(nodes, x)
            if self._a.forced:
                x = nodes.op("Tanh", nodes.op("Add", drive, self._fed(nodes, layer, "ids")))
                continue
            names = self._names(number)
            state = STEPS[self._a.cell](nodes, layer, drive, names)
            after |= dict(zip(names, state, strict=True))
            x = state[0]
        return self._model(nodes, "step", ("batch",), x, after, properties)

    def sequence(self, properties: Mapping[str, str]) -> ModelProto:
        """A whole sequence; inside, time comes first."""
        nodes = Nodes()
        ids = nodes.op("Transpose", "ids", perm=[1, 0])
        after: dict[str, str] = {}
        x = nodes.op("Gather", self._table(nodes), ids)
        for number, layer in enumerate(self._layers):
            drive = layer.drive(nodes, x)
            if self._a.forced:
                x = nodes.op("Tanh", nodes.op("Add", drive, self._fed(nodes, layer, ids)))
                continue
            names = self._names(number)
            *state, x = self._scan(nodes, layer, number, drive)
            after |= dict(zip(names, state, strict=True))
        return self._model(nodes, "sequence", ("batch", "time"), x, after, properties)

    def _names(self, number: int) -> tuple[str, ...]:
        return tuple(f"{letter}_{number}" for letter in STATE[self._a.cell])

    def _layer(self, number: int) -> Layer:
        start = f"layers.{number}."
        own = {name.removeprefix(start): array for name, array in self._weights.items() if name.startswith(start)}
        return Layer(f"layers.{number}", own, self._a, self._output)

    def _table(self, nodes: Nodes) -> str:
        return nodes.constant("embedding", self._embedding)

    def _fed(self, nodes: Nodes, layer: Layer, ids: str) -> str:
        """W y(t−1) where y(t−1) is the last token, (…, hidden): a column of W; 0 for what is never predicted."""
        W = layer.weights["W"].T
        table = np.concatenate([np.zeros((FIRST_OUTPUT, W.shape[1]), W.dtype), W])
        return nodes.op("Gather", nodes.constant(f"{layer.name}.W.fed", table), ids)

    def _scan(self, nodes: Nodes, layer: Layer, number: int, drive: str) -> list[str]:
        """One layer over time: drive (time, batch, rows) → the state after it, and h (time, batch, hidden)."""
        body, names = Nodes(nodes), self._names(number)
        before = [f"{name}_before" for name in names]
        state = STEPS[self._a.cell](body, layer, f"drive_{number}", tuple(before))
        rows = len(layer.weights["b"])
        inputs = [tensor_info(old, ("batch", self.states[name])) for old, name in zip(before, names, strict=True)]
        after = [body.named(new, f"{name}_after") for new, name in zip(state, names, strict=True)]
        outputs = [tensor_info(new, ("batch", self.states[name])) for new, name in zip(after, names, strict=True)]
        said = tensor_info(body.named(state[0], f"h_{number}_said"), ("batch", self._a.hidden))
        graph = body.body(
            f"layer_{number}", [*inputs, tensor_info(f"drive_{number}", ("batch", rows))], [*outputs, said]
        )
        return nodes.ops("Scan", len(names) + 1, *names, drive, body=graph, num_scan_inputs=1)

    def _output(self, nodes: Nodes, h: str) -> str:
        """h (…, hidden) → o (…, outputs), or log p in bands of rare words."""
        if self._a.projected:
            h = nodes.op("MatMul", h, nodes.constant("projection.T", self._weights["projection"].T))
        if self._a.cuts:
            return self._banded(nodes, h)
        if self._a.tied:  # the embeddings once more, without the two rows that are never predicted
            ends = (np.array([FIRST_OUTPUT]), np.array([self._a.vocabulary]), np.array([0]))
            places = [
                nodes.constant(f"outputs.{name}", end) for name, end in zip(("from", "to", "axis"), ends, strict=True)
            ]
            V = nodes.op("Transpose", nodes.op("Slice", self._table(nodes), *places), perm=[1, 0])
        else:
            V = nodes.constant("output.T", self._weights["output"].T)
        return nodes.op("Add", nodes.op("MatMul", h, V), nodes.constant("bias", self._weights["bias"]))

    def _banded(self, nodes: Nodes, h: str) -> str:
        """log p(w) = log p(band) + log p(w | band); the equations of `model/outputs/bands.py`."""
        weights, first = self._weights, self._a.cuts[0]
        bounds = [*self._a.cuts, self._a.outputs]

        def log_softmax(x: str, V: NDArray[Any], c: NDArray[Any], name: str) -> str:
            o = nodes.op("Add", nodes.op("MatMul", x, nodes.constant(f"{name}.T", V.T)), nodes.constant(f"{name}.c", c))
            return nodes.op("LogSoftmax", o, axis=-1)

        V = np.concatenate([weights["embedding"][FIRST_OUTPUT:], weights["bands.G"]])
        top = log_softmax(h, V, np.concatenate([weights["bias"][:first], weights["bands.a"]]), "band.0")
        sizes = nodes.constant("band.sizes", np.array([first, *[1] * len(self._a.cuts)]))
        own, *shares = nodes.ops("Split", 1 + len(self._a.cuts), top, sizes, axis=-1)
        parts = [own]
        for number, (begin, end) in enumerate(pairwise(bounds)):
            up = weights.get(f"bands.later.{number}.up")
            x = h if up is None else nodes.op("MatMul", h, nodes.constant(f"band.{number + 1}.up", up))
            rows = weights[f"bands.later.{number}.rows"]
            within = log_softmax(x, rows, weights["bias"][begin:end], f"band.{number + 1}")
            parts.append(nodes.op("Add", within, shares[number]))
        return nodes.op("Concat", *parts, axis=-1)

    def _model(
        self,
        nodes: Nodes,
        name: str,
        shape: tuple[str, ...],
        h: str,
        after: Mapping[str, str],
        properties: Mapping[str, str],
    ) -> ModelProto:
        """The whole file: the output layer on h, and what goes in and comes out."""
        log_p = nodes.op("LogSoftmax", self._output(nodes, h), axis=-1)
        if len(shape) == 2:
            log_p = nodes.op("Transpose", log_p, perm=[1, 0, 2])
        nodes.named(log_p, "log_probabilities")
        inputs = [tensor_info("ids", shape, TensorProto.INT64)]
        outputs = [tensor_info("log_probabilities", (*shape, self._a.outputs))]
        for state, size in self.states.items():
            inputs.append(tensor_info(state, ("batch", size)))
            outputs.append(tensor_info(nodes.named(after[state], f"{state}_next"), ("batch", size)))
        graph = nodes.graph(name, inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="rnnlm")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(properties))
        return model
