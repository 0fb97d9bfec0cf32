"""The cost of every token of many hypotheses, reading each shared prefix once.

Hypotheses form a tree of prefixes. It is read level by level, all nodes of a level in a batch: the states of its nodes
are those of their parents, one token later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, START_ID
from rnnlm.model.likelihood import LanguageModel, numbers, target_nats
from rnnlm.model.network import Network, States
from rnnlm.model.states import taken

# Predictions that the output layer makes at once: one level at a time it would read its matrices for a few rows, which
# made the tree slower than reading every hypothesis (0.84 times as fast).
_ROWS = 4096
TokenIds = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """The distinct prefixes of one length: the `tokens` (nodes,) that end them, their `parents` (nodes,),
    and for the `rows` (n,) that are at least this long the `nodes` (n,) that they pass through."""

    tokens: TokenIds
    parents: TokenIds
    rows: TokenIds
    nodes: TokenIds


@dataclass(frozen=True)
class Begin:
    """Where hypotheses start: a state of batch 1, and the token to read in it."""

    states: States
    token: int


def levels(sequences: Sequence[TokenIds]) -> list[Level]:
    """The tree of some sequences of ids, a level for each length; the parents of the first are all 0, the root."""
    lengths = np.array([len(sequence) for sequence in sequences])
    tokens = np.zeros((len(sequences), int(lengths.max())), np.int64)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = sequence
    found = []
    node = np.zeros(len(sequences), np.int64)
    radix = int(tokens.max()) + 1
    for depth in range(tokens.shape[1]):
        rows = np.flatnonzero(lengths > depth)
        keys, nodes = np.unique(node[rows] * radix + tokens[rows, depth], return_inverse=True)
        found.append(Level(keys % radix, keys // radix, rows, nodes))
        node[rows] = nodes
    return found


class PrefixReader:
    """Reads forests of hypotheses through a model."""

    def __init__(self, model: LanguageModel) -> None:
        if isinstance(model, Network):
            model.eval()
        self._model = model

    def start(self) -> Begin:
        """The start of a text."""
        return Begin(self._model.initial_state(1), START_ID)

    @torch.inference_mode()
    def nats(self, sequences: Sequence[TokenIds], begin: Begin) -> tuple[list[NDArray[np.float64]], Begin]:
        """−ln p of each token of each sequence, which is not empty; and where a text continues after the first."""
        costs = [np.empty(len(sequence)) for sequence in sequences]
        tree = levels(sequences)
        hidden, states = self._read(np.array([begin.token]), begin.states)
        read = np.zeros(1, np.int64)  # the nodes of the previous level that have been read: those with children
        after, waiting, rows = states, [], 0
        for depth, level in enumerate(tree):
            parents = self._tensor(np.searchsorted(read, level.parents))
            waiting.append((depth, level, hidden[parents]))
            rows += len(parents)
            if depth + 1 == len(sequences[0]):
                after = taken(states, parents[int(level.nodes[0])].reshape(1))
            if depth + 1 < len(tree):
                read = np.unique(tree[depth + 1].parents)
                hidden, states = self._read(level.tokens[read], taken(states, parents[self._tensor(read)]))
            if rows >= _ROWS or depth + 1 == len(tree):
                self._fill(costs, waiting)
                waiting, rows = [], 0
        return costs, Begin(after, int(sequences[0][-1]))

    def _fill(self, costs: list[NDArray[np.float64]], waiting: list[tuple[int, Level, Tensor]]) -> None:
        """Fill in the costs of some levels, given the input of the output layer for each, (nodes, ·)."""
        targets = self._tensor(np.concatenate([level.tokens for _, level, _ in waiting])) - FIRST_OUTPUT
        nats = numbers(target_nats(self._model, torch.cat([hidden for _, _, hidden in waiting]), targets)).cpu().numpy()
        first = 0
        for depth, level, hidden in waiting:
            here = nats[first : first + len(hidden)][level.nodes]
            for row, cost in zip(level.rows.tolist(), here.tolist(), strict=True):
                costs[row][depth] = cost
            first += len(hidden)

    def _read(self, tokens: TokenIds, states: States) -> tuple[Tensor, States]:
        """One token for each state: the input of the output layer, (rows, ·), and the states after it."""
        hidden, states = self._model(self._tensor(tokens).unsqueeze(0), states)
        return hidden[0], states

    def _tensor(self, numbers: TokenIds) -> Tensor:
        return torch.from_numpy(numbers).to(self._model.device)
