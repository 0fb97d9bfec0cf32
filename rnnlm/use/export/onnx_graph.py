"""A language model as two ONNX graphs: one step with its state, and a whole sequence; any batch, any length.

    step       ids (batch,) int64,      state → log_probabilities (batch, outputs),       state after it
    sequence   ids (batch, time) int64, state → log_probabilities (batch, time, outputs), state after it

Output k is the id k + 2. The state of layer i is `h_i`, (batch, hidden), and what else its equations read of the step
before, as `s_i` of an LSTM or `y_i` of an output that is fed back; after the step it is `h_i_next`, and so on. The
initial state is all zeros. Operators are of opset 17; the sequence is a `Scan` over the same step for each layer.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import whole_layer
from rnnlm.use.export.onnx_cells import OnnxLayer
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
        self._embedding = whole_layer(weights)
        self._output = OnnxOutput(architecture, weights)
        self._layers = [self._layer(number) for number in range(architecture.layers)]

    @property
    def states(self) -> dict[str, int]:
        """The inputs that are the state and their sizes; none if the network depends on the last token only."""
        return {name: size for layer in self._layers for name, size in layer.states.values()}

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
        for layer in self._layers:
            drives = layer.drives(nodes, x, ids)
            names = {slot: name for slot, (name, _) in layer.states.items()}
            if one or not names:
                x, state = layer.step(nodes, x, [drive for drive, _ in drives], names)
            else:
                *state, x = self._scan(nodes, layer, x, drives)
            after |= dict(zip(names.values(), state, strict=True))
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

    def _layer(self, number: int) -> OnnxLayer:
        start = f"layers.{number}."
        own = {name.removeprefix(start): array for name, array in self._weights.items() if name.startswith(start)}
        return OnnxLayer(f"layers.{number}", number, own, self._a, self._output)

    def _scan(self, nodes: Nodes, layer: OnnxLayer, x: str, drives: list[tuple[str, int]]) -> list[str]:
        """One layer over time: x and drives (time, batch, ·) → the state after it, and h (time, batch, hidden)."""
        body, number = Nodes(nodes), layer.number
        before = {slot: f"{name}_before" for slot, (name, _) in layer.states.items()}
        driven = [f"drive_{number}_{k}" for k in range(len(drives))]
        h, state = layer.step(body, f"x_{number}", driven, before)
        names = [name for name, _ in layer.states.values()]
        inputs = [tensor_info(f"{name}_before", ("batch", size)) for name, size in layer.states.values()]
        inputs.append(tensor_info(f"x_{number}", ("batch", layer.layer.inputs)))
        inputs += [tensor_info(name, ("batch", rows)) for name, (_, rows) in zip(driven, drives, strict=True)]
        outputs = [
            tensor_info(body.named(new, f"{name}_after"), ("batch", size))
            for new, (name, size) in zip(state, layer.states.values(), strict=True)
        ]
        outputs.append(tensor_info(body.named(h, f"h_{number}_said"), ("batch", self._a.hidden)))
        graph = body.body(f"layer_{number}", inputs, outputs)
        sequences = [x, *(drive for drive, _ in drives)]
        return nodes.ops("Scan", len(names) + 1, *names, *sequences, body=graph, num_scan_inputs=len(sequences))
