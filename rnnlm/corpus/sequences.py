"""Whole sequences with their targets, side by side: words with tags, texts with a label, windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.plan import Plan


class Sequences(Protocol):
    """A split of such data, whatever its kind."""

    def __len__(self) -> int:
        """Number of sequences."""

    def lengths(self) -> NDArray[np.int64]:
        """(sequences,) steps of each."""

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """Inputs (time, n) of ids or (time, n, F), targets and true lengths (n,) of the sequences `rows`.

        Targets are label numbers, (time, n) or (n,), negative where there is none, or real values (time, n, K), NaN
        where there is none.
        """


class LabelledSequences(Sequences, Protocol):
    """Those with labels, one for each step if `per_token`, or one for each sequence."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels by number."""

    @property
    def per_token(self) -> bool:
        """Whether each step has its own."""


@dataclass(frozen=True)
class SequenceBatch:
    """The result of `Sequences.batch`, and the number of its epoch, from 0."""

    inputs: NDArray[Any]
    targets: NDArray[Any]
    lengths: NDArray[np.int64]
    epoch: int

    def part(self, columns: slice) -> "SequenceBatch":
        """Some of the sequences."""
        targets = self.targets[columns] if self.targets.ndim == 1 else self.targets[:, columns]
        return SequenceBatch(self.inputs[:, columns], targets, self.lengths[columns], self.epoch)


class SequenceBatches:
    """Sequences of similar length side by side; an epoch reads each once in random order."""

    def __init__(self, data: Sequences, batch_size: int, seed: int) -> None:
        self._data, self._plan = data, Plan(data.lengths, batch_size, seed)

    @property
    def tokens_per_epoch(self) -> int:
        """Time steps in an epoch."""
        return int(self._data.lengths().sum())

    def __iter__(self) -> Iterator[SequenceBatch]:
        while True:
            batch = SequenceBatch(*self._data.batch(self._plan.rows), self._plan.epoch)
            self._plan.advance()
            yield batch

    def state(self) -> dict[str, Any]:
        """The reading position as JSON."""
        return self._plan.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved `state`."""
        self._plan.restore(state)
