"""Ids to logits: embedding, recurrent layers, output."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID
from rnnlm.errors import ArtifactError
from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import SPREAD
from rnnlm.model.loss import linear_cross_entropy
from rnnlm.model.lstm import Lstm, State

CELLS: dict[str, type[Lstm]] = {"lstm": Lstm}
INPUT_SHARE = 0.4  # of the dropout rate, for embeddings: they are read, not summed over, and bear less
States = tuple[State, ...]


class LanguageModel(nn.Module):
    """p(y(t) | x(1)…x(t)) for a stream of ids.

        e(t) = E[x(t)]
        h(t) = layers(e(t), h(t−1))
        o(t) = V h(t) + c,   V = E[2:] when tied (after a projection where the sizes differ)
        ŷ(t) = softmax o(t)

    Outputs are the ids from 2 up: `<pad>` and `<s>` are never predicted. The row of `<pad>` is 0 and stays 0.
    """

    def __init__(self, architecture: Architecture, generator: torch.Generator) -> None:
        super().__init__()
        self.architecture = architecture
        a = architecture
        self.embedding = nn.Parameter(torch.empty(a.vocabulary, a.embedding).normal_(0, SPREAD, generator=generator))
        with torch.no_grad():
            self.embedding[PAD_ID] = 0
        sizes = [a.embedding, *[a.hidden] * a.layers]
        cell = CELLS[a.cell]
        self.layers = nn.ModuleList(cell(sizes[layer], a.hidden, generator) for layer in range(a.layers))
        self.projection = self.output = None
        if a.projected:
            bound = a.hidden**-0.5
            self.projection = nn.Parameter(
                torch.empty(a.embedding, a.hidden).uniform_(-bound, bound, generator=generator)
            )
        if not a.tied:
            bound = a.hidden**-0.5
            self.output = nn.Parameter(torch.empty(a.outputs, a.hidden).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.zeros(a.outputs))

    def initial_state(self, batch: int) -> States:
        """The zero state of every layer for `batch` sequences."""
        return tuple(layer.initial_state(batch) for layer in self.layers)  # type: ignore[operator]

    def forward(
        self, inputs: Tensor, states: States, dropout: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, States]:
        """inputs (time, batch) → what the output layer reads (time, batch, width), and the states after them.

        `dropout` applies while training only; its masks come from `generator`.
        """
        x = self._drop(functional.embedding(inputs, self.embedding, PAD_ID), INPUT_SHARE * dropout, generator)
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            x, state = layer(x, state)
            x = self._drop(x, dropout, generator)
            after.append(state)
        if self.projection is not None:
            x = x @ self.projection.T
        return x, tuple(after)

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, width) → (…, outputs); the first is that of id 2."""
        return functional.linear(hidden, self.output_matrix, self.bias)

    def loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden (rows, width), targets (rows,) of ids → Σ −log p, `<pad>` left out; for training."""
        return linear_cross_entropy(hidden, self.output_matrix, self.bias, targets - FIRST_OUTPUT)

    @property
    def output_matrix(self) -> Tensor:
        """V (outputs, width): a view of the embeddings when tied."""
        return self.embedding[FIRST_OUTPUT:] if self.output is None else self.output

    def _drop(self, x: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
        if not self.training or rate == 0.0:
            return x
        return x * torch.empty_like(x).bernoulli_(1 - rate, generator=generator).div_(1 - rate)

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def start_bias(self, counts: NDArray[np.int64]) -> None:
        """Set the output bias to the log unigram of train; `counts` (vocabulary,), one added to each."""
        smooth = counts[FIRST_OUTPUT:] + 1.0
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(smooth / smooth.sum())))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as arrays."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    def load(self, tensors: Mapping[str, NDArray[Any]], origin: str) -> None:
        """Take over weights; ArtifactError when names, shapes or values do not fit."""
        own = self.state_dict()
        remedy = "the directory's files do not belong together; copy the model anew"
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
