"""From ids or real values to outputs: embedding, recurrent layers, output layer; one core for all tasks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID
from rnnlm.errors import ArtifactError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.engine import State, Weights
from rnnlm.model.dropout import Dropout
from rnnlm.model.embedding import INIT_STD
from rnnlm.model.int8 import Int8Rows
from rnnlm.model.outputs.clusters import Clusters
from rnnlm.model.outputs.loss import SoftmaxFactor, linear_pinball, linear_squared_error
from rnnlm.model.outputs.product import linear

States = tuple[State, ...]


@dataclass(frozen=True)
class WeightInit:
    """The init of weights: recurrent ones 'uniform' or 'orthogonal', and the bias of the gate that keeps the state.

    `std` is the standard deviation of the embedding's numbers.
    """

    recurrent: str = "uniform"
    forget_bias: float = 1.0
    std: float = INIT_STD


@dataclass(frozen=True)
class ForcedInput:
    """The forced input: what a cell that feeds its output back is given instead.

    `previous` is y(t−1): (time, batch) of output numbers, negative where there is none, or (time, batch, outputs) of
    real values. `given` (time, batch) says at which steps; None for all of them, which are then computed at once.
    """

    previous: Tensor
    given: Tensor | None = None


@dataclass(frozen=True)
class SegmentOutput:
    """The outputs of the layers for a segment.

    `h` (time, batch, hidden) is the last layer's, `dropped` the same after dropout, `output` (time, batch, width) the
    input of the output layer, after projection; `states` are those after the last step.
    """

    h: Tensor
    dropped: Tensor
    output: Tensor
    states: States


class Network(nn.Module):
    """p(y(t) | x(1)…x(t)), or real values instead.

        e(t) = E[x(t)], or x(t) itself where it is real
        h(t) = layers(e(t), h(t−1))
        o(t) = V u(t) + c,   V = E[2:] when tied
        u(t) = h(t), or P h(t) or tanh(P h(t)) where a tied V has rows of another length
        ŷ(t) = softmax o(t), or o(t) itself for real values, or a softmax in `Clusters`

    A language model's outputs are the ids from 2 up: `<pad>` and `<s>` are never predicted. The row of `<pad>` is 0
    and stays 0.
    """

    def __init__(self, architecture: Architecture, generator: torch.Generator, start: WeightInit | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        a, start = architecture, start or WeightInit()
        self.embedding = self.projection = self.output = self.bands = None  # bands: the clusters' name in weights files
        width = a.features
        if a.vocabulary:
            width = a.embedding
            rows = a.cuts[0] + FIRST_OUTPUT if a.cuts else a.vocabulary
            table = torch.empty(rows, a.embedding).normal_(0, start.std, generator=generator)
            table[PAD_ID] = 0
            self.embedding = nn.Parameter(table)
        options = CellOptions(a.feedback, start.recurrent, start.forget_bias)
        head = Output(a.outputs, lambda h: self.logits(self._read_out(h)))
        sizes = [width, *[a.hidden] * a.layers]
        self.layers = nn.ModuleList(
            Cell(a.form, sizes[layer], a.hidden, options, generator, head) for layer in range(a.layers)
        )
        bound = a.hidden**-0.5
        if a.projected:
            self.projection = nn.Parameter(
                torch.empty(a.embedding, a.hidden).uniform_(-bound, bound, generator=generator)
            )
        if not a.tied:
            self.output = nn.Parameter(torch.empty(a.outputs, a.width).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.zeros(a.outputs))
        if a.cuts:
            self.bands = Clusters(a.outputs, a.embedding, a.cuts, a.widths, start.std, generator)
        self._int8: dict[str, Int8Rows] = {}

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.bias.device

    @property
    def cells(self) -> Sequence[Cell]:
        """The recurrent layers, first to last."""
        return cast(Sequence[Cell], self.layers)

    def use_engine(self, engine: str) -> "Network":
        """Run every layer as 'fused' or 'readable'; the network itself."""
        for cell in self.cells:
            cell.engine = engine
        return self

    def use_int8(self, rows: Mapping[str, Int8Rows]) -> "Network":
        """Use 8-bit matrices of the same numbers, by the names of `tensors`, where a single token is read.

        Returns the network itself; its outputs change only by rounding.
        """
        for number, cell in enumerate(self.cells):
            names = {letter: f"layers.{number}.{letter}" for letter in cell.matrices}
            cell.int8 = {
                letter: rows[name].standing_for(cell.matrices[letter]) for letter, name in names.items() if name in rows
            }
        self._int8 = {}
        if self.projection is not None and "projection" in rows:
            self._int8["projection"] = rows["projection"].standing_for(self.projection)
        if self.output is not None and "output" in rows:
            self._int8["outputs"] = rows["output"].standing_for(self.output)
        elif self.output is None and self.bands is None and "embedding" in rows:
            self._int8["outputs"] = rows["embedding"].part(FIRST_OUTPUT).standing_for(self.output_matrix)
        return self

    def initial_state(self, batch: int) -> States:
        """The zero state of every layer for `batch` sequences."""
        return tuple(layer.initial_state(batch) for layer in self.cells)

    def forward(self, inputs: Tensor, states: States) -> tuple[Tensor, States]:
        """inputs (time, batch) → inputs of the output layer (time, batch, width), and the states after them."""
        segment = self.read(inputs, states)
        return segment.output, segment.states

    def read(
        self, inputs: Tensor, states: States, dropout: Dropout | None = None, forced: ForcedInput | None = None,
        embedded: Tensor | None = None,
    ) -> SegmentOutput:  # fmt: skip
        """inputs (time, batch) of ids, or (time, batch, features) → a `SegmentOutput`; `embedded` if it is known.

        `dropout` is for training. `forced` is for cells that feed the output back; a language model that was trained
        with forced input always has it, since y(t−1) = x(t).
        """
        a = self.architecture
        x = self.embed(inputs) if embedded is None else embedded
        if self.embedding is not None and dropout is not None:
            x = dropout.drop_rows(x, inputs, a.vocabulary)
        if a.forced and a.task == "language":
            forced = ForcedInput(inputs - FIRST_OUTPUT)
        if dropout is not None:
            x = dropout.drop(x, dropout.inputs)
        after = []
        for number, (layer, state) in enumerate(zip(self.cells, states, strict=True)):
            changed = None
            if dropout is not None and dropout.recurrent:
                changed = {letter: dropout.drop_weights(weights) for letter, weights in layer.recurrent.items()}
            h, state = self._run(layer, x, state, changed, forced)
            after.append(state)
            last = number == a.layers - 1
            x = h if dropout is None else dropout.drop(h, dropout.outputs if last else dropout.between)
        output = self._read_out(x)
        if a.direct:
            output = torch.cat([output, inputs], -1)
        return SegmentOutput(h, x, output, tuple(after))

    def embed(self, inputs: Tensor) -> Tensor:
        """(…) of ids → (…, D), their embeddings; real inputs as is."""
        if self.embedding is None:
            return inputs
        if self.bands is None:
            return functional.embedding(inputs, self.embedding, PAD_ID)
        ids = inputs.flatten()
        x = functional.embedding(ids.clamp(max=len(self.embedding) - 1), self.embedding, PAD_ID)
        return self.bands.embed(x, ids - FIRST_OUTPUT).view(*inputs.shape, -1)

    def _run(
        self, layer: Cell, x: Tensor, state: State, changed: Weights | None, forced: ForcedInput | None
    ) -> tuple[Tensor, State]:
        """One layer over a segment."""
        if forced is None or not layer.form.feeds_back:
            h, state = layer(x, state, changed)
            return h, state
        if forced.given is None:
            return layer.forced(x, state, forced.previous, changed)
        return layer.guided(x, state, forced.previous, forced.given, changed)

    def _read_out(self, h: Tensor) -> Tensor:
        """(…, hidden) → (…, width)."""
        if self.projection is None:
            return h
        u = linear(h, self.projection, None, self._int8.get("projection"))
        return u.tanh() if self.architecture.read_out == "tanh" else u

    def logits(self, output: Tensor) -> Tensor:
        """(…, width) → (…, outputs): o(t), or log p with clusters. For a language model the first is id 2."""
        if self.bands is not None:
            return self.bands.log_p(output, self.output_matrix, self.bias)
        return linear(output, self.output_matrix, self.bias, self._int8.get("outputs"))

    def factors(self, output: Tensor, targets: Tensor) -> Iterator[SoftmaxFactor]:
        """The factors of p(target): output (rows, width), targets (rows,) of output numbers, negative for none."""
        if self.bands is not None:
            yield from self.bands.factors(output, self.output_matrix, self.bias, targets)
        else:
            yield SoftmaxFactor(output, self.output_matrix, self.bias, targets)

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a sum over rows: output (rows, width).

        targets (rows,) of output numbers, negative where there is nothing to predict: Σ −log p. For real values,
        targets (rows, K), NaN where unknown: Σ ½ (o − y)², the cost under a Gaussian of variance 1, or the pinball loss
        of each quantile.
        """
        if self.architecture.quantiles:
            return linear_pinball(output, self.output_matrix, self.bias, targets, self.architecture.quantiles)
        if self.architecture.task == "forecast":
            return linear_squared_error(output, self.output_matrix, self.bias, targets)
        return torch.stack([factor.loss for factor in self.factors(output, targets)]).sum()

    @property
    def output_matrix(self) -> Tensor:
        """V (outputs, width): a view of the embeddings when tied; with clusters that of the first."""
        if self.output is not None:
            return self.output
        assert self.embedding is not None
        return self.embedding[FIRST_OUTPUT:]

    @property
    def feeds_back(self) -> bool:
        """Whether the network's output is part of its state, so that forced input makes a difference."""
        return self.architecture.form.feeds_back

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def operations(self) -> int:
        """Floating-point operations of one step's matrix products, forward, without the output layer."""
        projection = 0 if self.projection is None else 2 * self.projection.numel()
        labels = self.architecture.forced and self.architecture.task != "forecast"
        return sum(cell.operations(labels=labels) for cell in self.cells) + projection

    def output_operations(self, targets: NDArray[np.int64]) -> int:
        """Those of the output layer for the non-negative targets (rows,) of output numbers, forward."""
        wanted = targets[targets >= 0]
        whole = 2 * self.output_matrix.numel() * len(wanted)
        return whole + (0 if self.bands is None else self.bands.operations(wanted))

    def start_bias(self, counts: NDArray[np.int64]) -> None:
        """Set the output bias to the log unigram of the training split, `counts` (outputs,) with one added to each."""
        smooth = counts + 1.0
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(smooth / smooth.sum())))
            if self.bands is not None:
                self.bands.start_bias(self.bias)

    def start_embedding(self, layer: NDArray[np.float32]) -> None:
        """Start from a whole layer (V, D), one row per id."""
        assert self.embedding is not None
        rows = torch.from_numpy(np.array(layer))
        with torch.no_grad():
            self.embedding.copy_(rows[: len(self.embedding)])
            if self.bands is not None:
                self.bands.start_rows(rows[FIRST_OUTPUT:])

    def start_direct(self, columns: Sequence[int | None]) -> None:
        """Start a forecast as persistence: output k is input `columns[k]`, or 0 where that is None."""
        assert self.output is not None and self.architecture.direct
        with torch.no_grad():
            self.output.zero_()
            for k, column in enumerate(columns):
                if column is not None:
                    self.output[k, self.architecture.hidden + column] = 1

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as arrays."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    def present(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Weights, and what a checkpoint has beside them, by present names: peepholes were once P (3, hidden)."""
        own = any(name.endswith(".P") for name in self.state_dict())
        return {
            name[:-1] + "p" if old else name: array.reshape(-1) if old and array.ndim else array
            for name, array in tensors.items()
            for old in [name.endswith(".P") and not own]
        }

    def load(self, tensors: Mapping[str, NDArray[Any]], origin: str) -> None:
        """Load weights; ArtifactError when names, shapes or values do not fit."""
        own = self.state_dict()
        tensors = self.present(tensors)
        remedy = "the directory's files do not belong together; copy the model again"
        if set(own) != set(tensors):
            raise ArtifactError(f"{origin} holds other tensors than the configuration asks for", remedy)
        for name, tensor in own.items():
            array = tensors[name]
            if array.shape != tuple(tensor.shape) or array.dtype != np.float32:
                raise ArtifactError(f"{origin}: {name} is {array.dtype} {array.shape}", remedy)
            if not np.isfinite(array).all():
                raise ArtifactError(f"{origin}: {name} holds numbers that are not finite", remedy)
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(torch.from_numpy(np.array(tensors[name])))
