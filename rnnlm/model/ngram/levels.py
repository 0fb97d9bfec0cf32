"""The n-grams of an unfinished model, order by order, to which others can be added."""

import numpy as np
from numpy.typing import NDArray

from rnnlm.model.ngram.grams import GramRows, Grams


class Levels:
    """Arrays like those of `Grams`, with back-off weights for the highest order too."""

    def __init__(self, vocabulary: int, log_p: NDArray[np.float32], back_off: NDArray[np.float32]) -> None:
        self.vocabulary = vocabulary
        self.keys: list[NDArray[np.uint64]] = []
        self.log_p, self.back_off = [log_p], [back_off]

    @property
    def order(self) -> int:
        """The highest order so far."""
        return len(self.log_p)

    def add(self, keys: NDArray[np.uint64], log_p: NDArray[np.float32], back_off: NDArray[np.float32]) -> None:
        """Add the next order's n-grams, sorted by their keys."""
        self.keys.append(keys)
        self.log_p.append(log_p)
        self.back_off.append(back_off)

    def add_empty(self) -> None:
        """Add an order that has no n-grams."""
        self.add(np.empty(0, np.uint64), np.empty(0, np.float32), np.empty(0, np.float32))

    def grams(self, order: int) -> Grams:
        """The model of orders 1 to `order`."""
        return Grams(
            self.vocabulary, tuple(self.keys[: order - 1]), tuple(self.log_p[:order]), tuple(self.back_off[: order - 1])
        )

    def numbers(self, words: GramRows) -> GramRows:
        """words (rows, n) of ids → the indices (rows,) of these n-grams, −1 where there is none."""
        grams, numbers = self.grams(self.order), words[:, 0]
        for n in range(2, words.shape[1] + 1):
            numbers = grams.find(n, numbers, words[:, n - 1])
        return numbers

    def put_in(self, words: GramRows) -> int:
        """Add the missing ones of the n-grams words (rows, n) and of their prefixes; returns how many.

        Each has its backed-off probability and a back-off weight of 1: no probability changes.
        """
        count = 0
        for n in range(2, words.shape[1] + 1 if len(words) else 0):
            some = np.unique(words[:, :n], axis=0)  # in the order of their keys
            some = some[self.numbers(some) < 0]
            if len(some):
                self._insert(n, some)
                count += len(some)
        return count

    def _insert(self, n: int, words: GramRows) -> None:
        """Insert n-grams (rows, n), whose prefixes exist, and renumber those after them."""
        V = np.uint64(self.vocabulary)
        log_p = self.grams(n).log_p_of(words[:, :-1], words[:, -1])
        keys = self.numbers(words[:, :-1]).astype(np.uint64) * V + words[:, -1].astype(np.uint64)
        places = np.searchsorted(self.keys[n - 2], keys)
        self.keys[n - 2] = np.insert(self.keys[n - 2], places, keys)
        self.log_p[n - 1] = np.insert(self.log_p[n - 1], places, log_p.astype(np.float32))
        self.back_off[n - 1] = np.insert(self.back_off[n - 1], places, np.float32(0))
        if n < self.order:
            longer = self.keys[n - 1]
            contexts = longer // V
            moved = np.searchsorted(places, contexts, "right").astype(np.uint64)
            self.keys[n - 1] = (contexts + moved) * V + longer % V
