"""A language model as two ONNX graphs: one step with its state, and a whole sequence; any batch, any length.

    step       ids (batch,) int64,      state → log_probabilities (batch, outputs),       state after it
    sequence   ids (batch, time) int64, state → log_probabilities (batch, time, outputs), state after it

Output k is the id k + 2. The state of layer i is `h_i`, (batch, hidden), and `s_i` for an LSTM or `y_i` for an
output-recurrent network; after the step it is `h_i_next`, and so on. The initial state is all zeros. Operators are of
opset 17; the sequence is a `Scan` over the same step for each layer.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import whole_layer
from rnnlm.use.export.onnx_cells import STATE, STEPS, LayerWeights
from rnnlm.use.export.onnx_nodes import Nodes, tensor_info
from rnnlm.use.export.onnx_output import EMBEDDING, OnnxOutput

OPSET, IR_VERSION = 17, 8  # of 2022: older than most runtimes in use
_LARGEST = 2**31 - 2**20  # bytes of one file: the limit of its format, less some for the graph


class OnnxModel:
    """The graphs of a language model's architecture and weights by name, float32, as `Network.tensors` gives them."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raises UsageError for a model that is too large."""
        self._a, self._weights = architecture, weights
        size = sum(array.nbytes for array in weights.values())
        if size > _LARGEST:
            raise UsageError(f"the weights take {size:,} bytes", "an ONNX file holds at most 2 GB; use a smaller model")
        self._forced = architecture.forced and architecture.cell == "output-recurrent"
        self._embedding = whole_layer(weights)
        self._output = OnnxOutput(architecture, weights)
        self._layers = [self._layer(number) for number in range(architecture.layers)]

    @property
    def states(self) -> dict[str, int]:
        """The inputs that are the state and their sizes; none if the network depends on the last token only."""
        if self._forced:
            return {}
        sizes = {"h": self._a.hidden, "s": self._a.hidden, "y": self._a.outputs}
        letters = STATE[self._a.cell]
        return {f"{letter}_{number}": sizes[letter] for number in range(self._a.layers) for letter in letters}

    @property
    def outputs(self) -> int:
        """How many ids can be predicted."""
        return self._a.outputs

    def step(self, properties: Mapping[str, str]) -> ModelProto:
        """One step; `properties` are the metadata of the file."""
        return self._file("step", ("batch",), properties)

    def sequence(self, properties: Mapping[str, str]) -> ModelProto:
        """A whole sequence."""
        return self._file("sequence", ("batch", "time"), properties)

    def _file(self, name: str, shape: tuple[str, ...], properties: Mapping[str, str]) -> ModelProto:
        """A graph for ids of a shape; inside, time comes first."""
        nodes, one = Nodes(), len(shape) == 1
        ids = "ids" if one else nodes.op("Transpose", "ids", perm=[1, 0])
        x = nodes.op("Gather", nodes.constant(EMBEDDING, self._embedding), ids)
        after: dict[str, str] = {}
        for number, layer in enumerate(self._layers):
            projected, names = layer.project(nodes, x), self._names(number)
            if self._forced:
                x = nodes.op("Tanh", nodes.op("Add", projected, self._fed(nodes, layer, ids)))
                continue
            if one:
                state = [*STEPS[self._a.cell](nodes, layer, projected, names)]
                x = state[0]
            else:
                *state, x = self._scan(nodes, layer, number, projected)
            after |= dict(zip(names, state, strict=True))
        log_p = nodes.op("LogSoftmax", self._output(nodes, x), axis=-1)
        nodes.named(log_p if one else nodes.op("Transpose", log_p, perm=[1, 0, 2]), "log_probabilities")
        inputs = [tensor_info("ids", shape, TensorProto.INT64)]
        outputs = [tensor_info("log_probabilities", (*shape, self.outputs))]
        for state_name, size in self.states.items():
            inputs.append(tensor_info(state_name, ("batch", size)))
            outputs.append(tensor_info(nodes.named(after[state_name], f"{state_name}_next"), ("batch", size)))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(nodes.graph(name, inputs, outputs), opset_imports=[opset], producer_name="rnnlm")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(properties))
        return model

    def _names(self, number: int) -> tuple[str, ...]:
        return tuple(f"{letter}_{number}" for letter in STATE[self._a.cell])

    def _layer(self, number: int) -> LayerWeights:
        start = f"layers.{number}."
        own = {name.removeprefix(start): array for name, array in self._weights.items() if name.startswith(start)}
        return LayerWeights(f"layers.{number}", own, self._a, self._output)

    def _fed(self, nodes: Nodes, layer: LayerWeights, ids: str) -> str:
        """W y(t−1) where y(t−1) is the last token, (…, hidden): a column of W; 0 for what is never predicted."""
        W = layer.weights["W"].T
        table = np.concatenate([np.zeros((FIRST_OUTPUT, W.shape[1]), W.dtype), W])
        return nodes.op("Gather", nodes.constant(f"{layer.name}.W.fed", table), ids)

    def _scan(self, nodes: Nodes, layer: LayerWeights, number: int, projected: str) -> list[str]:
        """One layer over time: projected (time, batch, rows) → the state after it, and h (time, batch, hidden)."""
        body, names = Nodes(nodes), self._names(number)
        before = [f"{name}_before" for name in names]
        state = STEPS[self._a.cell](body, layer, f"drive_{number}", tuple(before))
        rows = len(layer.weights["b"])
        inputs = [tensor_info(old, ("batch", self.states[name])) for old, name in zip(before, names, strict=True)]
        after = [body.named(new, f"{name}_after") for new, name in zip(state, names, strict=True)]
        outputs = [tensor_info(new, ("batch", self.states[name])) for new, name in zip(after, names, strict=True)]
        output = tensor_info(body.named(state[0], f"h_{number}_said"), ("batch", self._a.hidden))
        graph = body.body(
            f"layer_{number}", [*inputs, tensor_info(f"drive_{number}", ("batch", rows))], [*outputs, output]
        )
        return nodes.ops("Scan", len(names) + 1, *names, projected, body=graph, num_scan_inputs=1)
