"""Whole sequences with what is to be said of them, side by side: words with tags, texts with a label, windows."""

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


@dataclass(frozen=True)
class SequenceBatch:
    """What `Sequences.batch` gives, and the pass over the data that it belongs to, from 0."""

    inputs: NDArray[Any]
    targets: NDArray[Any]
    lengths: NDArray[np.int64]
    epoch: int

    def part(self, columns: slice) -> "SequenceBatch":
        """Some of the sequences."""
        targets = self.targets[columns] if self.targets.ndim == 1 else self.targets[:, columns]
        return SequenceBatch(self.inputs[:, columns], targets, self.lengths[columns], self.epoch)


class SequenceBatches:
    """Sequences of like length side by side; a pass visits each once in random order."""

    def __init__(self, data: Sequences, batch_size: int, seed: int) -> None:
        self._data, self._plan = data, Plan(data.lengths, batch_size, seed)

    @property
    def tokens_per_epoch(self) -> int:
        """Steps in a pass."""
        return int(self._data.lengths().sum())

    def __iter__(self) -> Iterator[SequenceBatch]:
        while True:
            batch = SequenceBatch(*self._data.batch(self._plan.rows), self._plan.epoch)
            self._plan.advance()
            yield batch

    def state(self) -> dict[str, Any]:
        """Where the reading stands, as JSON."""
        return self._plan.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved `state`."""
        self._plan.restore(state)
