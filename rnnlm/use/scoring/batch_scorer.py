"""The cost of every token of some lines, in batches, with an optional carried state.

Sequences come a window at a time. Those that begin and end in a window are sorted by length and read in batches; one
that continues over windows is read alone, from the state after the last window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.arrays import Floats
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID, START_ID
from rnnlm.model.details import details
from rnnlm.model.likelihood import LanguageModel, numbers, target_nats
from rnnlm.model.network import Network, States

_SEGMENT = 4096  # steps of all sequences together in one call
_LONGER = 1.5  # limit on the longest sequence of a batch: this times the shortest, plus 8; padding costs time


@dataclass(frozen=True)
class TokenScores:
    """Scores of a row of tokens: `nats` (tokens,), −ln p; and if requested, (tokens,) each, None otherwise:

    `rank` of the token by probability, from 1; `entropy` of the prediction, in nats; `boundary`, the nats of 'a word
    begins here, or the line ends'.
    """

    nats: Floats
    rank: Floats | None = None
    entropy: Floats | None = None
    boundary: Floats | None = None

    def part(self, first: int, last: int) -> "TokenScores":
        """Tokens from `first` to before `last`."""

        def cut(values: Floats | None) -> Floats | None:
            return None if values is None else values[first:last]

        return TokenScores(self.nats[first:last], cut(self.rank), cut(self.entropy), cut(self.boundary))


class BatchScorer:
    """Reads sequences with a model. `ranks` requests rank and entropy, `begins` (vocabulary,) boundaries."""

    def __init__(
        self, model: LanguageModel, batch_size: int, *, ranks: bool = False, begins: NDArray[np.bool_] | None = None
    ) -> None:
        if isinstance(model, Network):
            model.eval()
        self._model, self._batch_size, self._ranks = model, batch_size, ranks
        self._device = model.device
        self._begins = None if begins is None else torch.from_numpy(begins[FIRST_OUTPUT:]).to(self._device)
        self._names = ["nats", *(["rank", "entropy"] if ranks else []), *(["boundary"] if begins is not None else [])]
        self._carried: tuple[States, int] | None = None  # the state before the next window, and the token it follows

    def reset(self) -> None:
        """Reset the carried state."""
        self._carried = None

    @torch.inference_mode()
    def scores(self, sequences: Sequence[NDArray[np.int64]], *, carry: bool = False) -> list[TokenScores]:
        """The scores of every token of each sequence of ids, which are not empty.

        The first continues from the carried state if there is one, the others begin with `<s>`. With `carry` the state
        after the last is kept for the next call.
        """
        found: list[TokenScores | None] = [None] * len(sequences)
        alone = ({0} if self._carried is not None else set()) | ({len(sequences) - 1} if carry else set())
        order = sorted(set(range(len(sequences))) - alone, key=lambda row: len(sequences[row]))
        for rows in self._batches(sequences, order):
            for row, scores in zip(rows, self._side_by_side([sequences[row] for row in rows]), strict=True):
                found[row] = scores
        for row in sorted(alone):
            found[row] = self._alone(sequences[row], keep=carry and row == len(sequences) - 1)
        return [scores for scores in found if scores is not None]

    def _batches(self, sequences: Sequence[NDArray[np.int64]], order: list[int]) -> list[list[int]]:
        """Rows in batches of similar length."""
        batches: list[list[int]] = []
        longest = 0.0
        for row in order:
            if not batches or len(batches[-1]) == self._batch_size or len(sequences[row]) > longest:
                batches.append([])
                longest = _LONGER * len(sequences[row]) + 8
            batches[-1].append(row)
        return batches

    def _alone(self, sequence: NDArray[np.int64], *, keep: bool) -> TokenScores:
        """One sequence from the carried state, or from the initial state."""
        states, before = self._carried or (self._model.initial_state(1), START_ID)
        parts, states = self._segments(sequence[:, None], np.array([before]), states)
        self._carried = (states, int(sequence[-1])) if keep else None
        return self._columns(parts, [len(sequence)])[0]

    def _side_by_side(self, sequences: list[NDArray[np.int64]]) -> list[TokenScores]:
        """Several sequences, each from the initial state."""
        lengths = [len(sequence) for sequence in sequences]
        targets = np.full((max(lengths), len(sequences)), PAD_ID, np.int64)
        for column, sequence in enumerate(sequences):
            targets[: len(sequence), column] = sequence
        states = self._model.initial_state(len(sequences))
        parts, _ = self._segments(targets, np.full(len(sequences), START_ID), states)
        return self._columns(parts, lengths)

    def _segments(
        self, targets: NDArray[np.int64], before: NDArray[np.int64], states: States
    ) -> tuple[list[list[Floats]], States]:
        """targets (time, batch), the tokens before them (batch,) → for each segment its (time, batch) metrics."""
        inputs = np.concatenate([before[None], targets[:-1]])
        steps = max(1, _SEGMENT // targets.shape[1])
        parts = []
        for start in range(0, len(targets), steps):
            here = slice(start, start + steps)
            hidden, states = self._model(torch.from_numpy(inputs[here]).to(self._device), states)
            wanted = torch.from_numpy(targets[here]).to(self._device)
            metrics = self._metrics(hidden.flatten(0, 1), wanted.flatten())
            parts.append([metric.view_as(wanted).double().cpu().numpy() for metric in metrics])
        return parts, states

    def _metrics(self, hidden: Tensor, wanted: Tensor) -> list[Tensor]:
        """Nats, and rank, entropy and boundary if requested, each (rows,)."""
        metrics: list[Tensor | None] = [numbers(target_nats(self._model, hidden, wanted - FIRST_OUTPUT))]
        if self._ranks or self._begins is not None:
            found = details(self._model, hidden, wanted, spread=self._ranks, chosen=self._begins)
            metrics += [found.rank, found.entropy, found.chosen]
        return [metric for metric in metrics if metric is not None]

    def _columns(self, parts: list[list[Floats]], lengths: list[int]) -> list[TokenScores]:
        """The metrics of each sequence, without padding."""
        whole = [np.concatenate(metric) for metric in zip(*parts, strict=True)]
        return [
            TokenScores(**{name: metric[:length, row] for name, metric in zip(self._names, whole, strict=True)})
            for row, length in enumerate(lengths)
        ]
