"""The built-in tasks with long dependencies as sequences to train on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.builtin.memory_tasks import CUES, SYMBOLS, adding, copy, recall
from rnnlm.model.architecture import Architecture

_CHUNK = 1024  # sequences sampled at once


@dataclass(frozen=True)
class LagTask:
    """A task: `draw(lag, count, random)` returns its sequences, `kind` is that of its outputs (`Architecture.task`).

    The first of `measures` is shown; `guess` is its value for a guess without memory.
    """

    draw: Callable[[int, int, np.random.Generator], tuple[NDArray[Any], NDArray[Any]]]
    kind: str
    symbols: int
    features: int
    outputs: int
    summary: str
    measures: tuple[str, ...]
    guess: float

    def architecture(self, cell: str, hidden: int) -> Architecture:
        """One layer of `cell`; the embedding is as wide as the layer."""
        vocabulary = self.symbols and self.symbols + 1  # id 0 pads
        return Architecture(
            cell, vocabulary, hidden if vocabulary else 0, hidden, 1, False, task=self.kind, features=self.features,
            labels=self.outputs, summary=self.summary,
        )  # fmt: skip


_LABELS = ("accuracy", "nats_per_label")
LAG_TASKS = {
    "recall": LagTask(recall, "classify", 2 * CUES + 1, 0, CUES, "last", _LABELS, 1 / CUES),
    "copy": LagTask(copy, "tag", SYMBOLS + 2, 0, SYMBOLS, "steps", _LABELS, 1 / SYMBOLS),
    "adding": LagTask(adding, "forecast", 0, 2, 1, "last", ("mean_squared_error",), 1 / 6),
}


class TaskSequences:
    """`count` sequences of a task, sampled once and kept in the smallest type that holds them."""

    def __init__(self, task: LagTask, lag: int, count: int, random: np.random.Generator) -> None:
        """Raises UsageError for a lag that the task does not support."""
        self._real = task.kind == "forecast"
        kinds = (np.float32, np.float32) if self._real else (np.uint8, np.int8)
        sampled = [task.draw(lag, min(_CHUNK, count - first), random) for first in range(0, count, _CHUNK)]
        self._inputs, self._targets = (
            np.concatenate([part.astype(kind) for part in parts])
            for parts, kind in zip(zip(*sampled, strict=True), kinds, strict=True)
        )
        self._lengths = np.full(count, self._inputs.shape[1], np.int64)

    def __len__(self) -> int:
        """Number of sequences."""
        return len(self._inputs)

    def lengths(self) -> NDArray[np.int64]:
        """(sequences,) steps of each, all the same."""
        return self._lengths

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """Inputs (time, n) of ids from 1 or (time, n, F), targets and lengths (n,), as `Sequences` has them.

        The target of adding is at the last step; other steps have NaN.
        """
        inputs, targets = self._inputs[rows].swapaxes(0, 1), self._targets[rows]
        lengths = self._lengths[rows]
        if self._real:
            wanted = np.full((*inputs.shape[:2], targets.shape[1]), np.nan, np.float32)
            wanted[-1] = targets
            return np.ascontiguousarray(inputs), wanted, lengths
        labels = targets.astype(np.int64)
        return inputs.astype(np.int64, order="C") + 1, labels if labels.ndim == 1 else labels.T.copy(), lengths
