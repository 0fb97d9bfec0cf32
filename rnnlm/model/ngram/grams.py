"""The numbers of an n-gram model, in back-off form, and their lookup.

p(w | u) is the stored probability of u w if there is one, otherwise b(u) · p(w | u without its first word), with
b(u) = 1 where u is not an n-gram of the model (Katz 1987). An interpolated model has this form too: the stored
probability of u w is the interpolated one, and b(u) the weight of the lower order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.errors import ArtifactError

KEYS, LOG_P, BACK_OFF = "order-{}.keys.npy", "order-{}.log_p.npy", "order-{}.back_off.npy"
MOST_ORDER = 16
_BLOCK = 2**20
_LARGEST = 10_000  # of a logarithm; some tools write log10 p = -1,000 for what never occurs

GramRows = NDArray[np.int64]


@dataclass(frozen=True)
class Grams:
    """The n-grams of orders 1 to N over the ids below `vocabulary`, sorted within each order.

    The index of a single word is its id. `keys[n − 2]` (grams,) uint64 are, for order n, the index of the first n−1
    words' n-gram × vocabulary + the last word. `log_p[n − 1]` (grams,) float32 is log p of the last word after the
    others, in nats, −∞ for `<pad>` and `<s>`, and `back_off[n − 1]` (grams,) float32 log b, for all orders below N.
    """

    vocabulary: int
    keys: tuple[NDArray[np.uint64], ...]
    log_p: tuple[NDArray[np.float32], ...]
    back_off: tuple[NDArray[np.float32], ...]

    @property
    def order(self) -> int:
        """N."""
        return len(self.log_p)

    @property
    def counts(self) -> tuple[int, ...]:
        """(N,) number of n-grams of each order; for single words the size of the vocabulary."""
        return tuple(len(each) for each in self.log_p)

    def words_of(self, n: int, numbers: GramRows) -> GramRows:
        """The word ids (rows, n) of the n-grams of order n with these indices (rows,)."""
        words = []
        for length in range(n, 1, -1):
            keys = self.keys[length - 2][numbers]
            words.append((keys % np.uint64(self.vocabulary)).astype(np.int64))
            numbers = (keys // np.uint64(self.vocabulary)).astype(np.int64)
        return np.stack([numbers, *reversed(words)], 1)

    def log_p_of(self, histories: GramRows, words: GramRows) -> NDArray[np.float64]:
        """histories (rows, N − 1), the last word last and 0 before the first, and words (rows,) → log p (rows,)."""
        log_p = self.log_p[0][words].astype(np.float64)
        for n, contexts in enumerate(self._contexts(histories), 2):
            known = contexts >= 0
            log_p[known] += self.back_off[n - 2][contexts[known]]
            found = self.find(n, contexts, words)
            log_p[found >= 0] = self.log_p[n - 1][found[found >= 0]]
        return log_p

    def log_p_of_all(self, histories: GramRows) -> NDArray[np.float64]:
        """histories (rows, N − 1) → log p of every output (rows, outputs); the first output is id 2."""
        log_p = np.tile(self.log_p[0][FIRST_OUTPUT:].astype(np.float64), (len(histories), 1))
        for n, contexts in enumerate(self._contexts(histories), 2):
            rows = np.flatnonzero(contexts >= 0)
            contexts = contexts[rows]
            log_p[rows] += self.back_off[n - 2][contexts, None]
            first = contexts.astype(np.uint64) * np.uint64(self.vocabulary)
            begins = np.searchsorted(self.keys[n - 2], first)
            sizes = np.searchsorted(self.keys[n - 2], first + np.uint64(self.vocabulary)) - begins
            # The indices begins[i], …, begins[i] + sizes[i] − 1 of each row, row after row.
            found = np.arange(sizes.sum()) + np.repeat(begins - np.cumsum(sizes) + sizes, sizes)
            words = (self.keys[n - 2][found] - np.repeat(first, sizes)).astype(np.int64)
            log_p[np.repeat(rows, sizes), words - FIRST_OUTPUT] = self.log_p[n - 1][found]
        return log_p

    def known(self, histories: GramRows) -> NDArray[np.int64]:
        """histories (rows, N − 1) → how many of their last words are an n-gram of the model together, (rows,)."""
        found = np.zeros(len(histories), np.int64)
        for length, contexts in enumerate(self._contexts(histories), 1):
            found[contexts >= 0] = length
        return found

    def _contexts(self, histories: GramRows) -> Iterator[GramRows]:
        """The indices (rows,) of the last 1, 2, …, N − 1 words of each history, −1 where there is no such n-gram."""
        for length in range(1, self.order):
            numbers = histories[:, -length]
            for n in range(2, length + 1):
                numbers = self.find(n, numbers, histories[:, n - 1 - length])
            yield numbers

    def find(self, n: int, contexts: GramRows, words: GramRows) -> GramRows:
        """The indices (rows,) of the n-grams of order n of a context (rows,) and a word (rows,), −1 for none."""
        keys = self.keys[n - 2]
        if not len(keys):
            return np.full(len(contexts), -1)
        wanted = (contexts * self.vocabulary + words).astype(np.uint64)
        found = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where((contexts >= 0) & (keys[found] == wanted), found, -1)


def grams_names(order: int) -> list[str]:
    """The names of a model's files."""
    names = [LOG_P.format(n) for n in range(1, order + 1)]
    names += [KEYS.format(n) for n in range(2, order + 1)]
    return names + [BACK_OFF.format(n) for n in range(1, order)]


def read_grams(directory: Path, vocabulary: int, order: int) -> Grams:
    """A model's numbers as memory maps; ArtifactError if they are damaged or do not belong together."""
    remedy = "the model is damaged; copy it again, or rebuild it with: rnnlm ngram --force"

    def opened(name: str, n: int, kinds: str, dtype: Any) -> NDArray[Any]:
        array = open_npy(directory / name.format(n), kinds=kinds, dimensions=1, remedy=remedy)
        if array.dtype != dtype:
            raise ArtifactError(f"{directory / name.format(n)} is of {array.dtype}", remedy)
        return array

    log_p = tuple(opened(LOG_P, n, "f", np.float32) for n in range(1, order + 1))
    keys = tuple(opened(KEYS, n, "u", np.uint64) for n in range(2, order + 1))
    back_off = tuple(opened(BACK_OFF, n, "f", np.float32) for n in range(1, order))
    lengths = [vocabulary, *map(len, keys)]
    for n in range(1, order + 1):
        good = len(log_p[n - 1]) == lengths[n - 1] and _plausible(log_p[n - 1][FIRST_OUTPUT if n == 1 else 0 :])
        good = good and (n == order or (len(back_off[n - 1]) == lengths[n - 1] and _plausible(back_off[n - 1])))
        if not (good and (n == 1 or _ascending(keys[n - 2], lengths[n - 2] * vocabulary))):
            raise ArtifactError(f"{directory}: the arrays of order {n} do not belong together", remedy)
    return Grams(vocabulary, keys, log_p, back_off)


def _plausible(array: NDArray[np.float32]) -> bool:
    blocks = (array[start : start + _BLOCK] for start in range(0, len(array), _BLOCK))
    return all((np.abs(block) < _LARGEST).all() for block in blocks)


def _ascending(keys: NDArray[np.uint64], below: int) -> bool:
    blocks = (keys[start : start + _BLOCK + 1] for start in range(0, len(keys), _BLOCK))
    return all((block[1:] > block[:-1]).all() for block in blocks) and (not len(keys) or int(keys[-1]) < below)
