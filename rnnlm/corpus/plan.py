"""Which sequences are read side by side: those of similar length, each once an epoch, in random order."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POOL = 64  # batches whose sequences are sorted by length together


class Plan:
    """The batches of one epoch after another, by sequence number; the position can be saved and restored.

    `lengths` gives the length of each sequence, (sequences,).
    """

    def __init__(self, lengths: Callable[[], NDArray[np.int64]], batch_size: int, seed: int) -> None:
        self._lengths, self._batch = lengths, batch_size
        self._random = np.random.Generator(np.random.PCG64(seed))
        self.epoch, self._position = 0, 0
        self._before: Any = self._random.bit_generator.state
        self._batches: list[NDArray[np.int64]] = []

    @property
    def rows(self) -> NDArray[np.int64]:
        """The sequences of the current batch."""
        if not self._batches:
            self._before = self._random.bit_generator.state
            self._batches = self._draw()
        return self._batches[self._position]

    def advance(self) -> None:
        """Go on to the next batch, or epoch."""
        self._position += 1
        if self._position == len(self._batches):
            self.epoch, self._position, self._batches = self.epoch + 1, 0, []

    def _draw(self) -> list[NDArray[np.int64]]:
        lengths = self._lengths()
        order = self._random.permutation(len(lengths))
        batches = []
        pool = self._batch * _POOL
        for first in range(0, len(order), pool):
            some = order[first : first + pool]
            some = some[np.argsort(lengths[some], kind="stable")]
            batches += [some[start : start + self._batch] for start in range(0, len(some), self._batch)]
        return [batches[index] for index in self._random.permutation(len(batches))]

    def state(self) -> dict[str, Any]:
        """The reading position as JSON."""
        random = self._before if self._batches else self._random.bit_generator.state
        return {"epoch": self.epoch, "position": self._position, "planned": bool(self._batches), "random": random}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved `state`."""
        self.epoch, self._position = int(state["epoch"]), int(state["position"])
        self._random.bit_generator.state = state["random"]
        self._batches = []
        if state["planned"]:
            self._before = state["random"]
            self._batches = self._draw()
