"""How much of a text is new: the fraction of its n-grams that occur once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOKENS = 2**20  # counted, from the beginning of a text


def probability_of_new(ids: NDArray[Any], n: int = 3) -> float:
    """The probability that the next n-gram has not occurred before, of `ids` (tokens,); 1 where there is none.

        n₁ / N, n-grams that occur once over all that occur (Good 1953, after Turing)

    N-grams run across the ends of lines. Of a long text the first million tokens are counted.
    """
    read = np.asarray(ids[:_TOKENS], np.uint64)
    total = len(read) - n + 1
    if total < 1:
        return 1.0
    base = read.max() + np.uint64(1)
    grams = np.zeros(total, np.uint64)  # n digits in that base, modulo 2^64
    for first in range(n):
        grams = grams * base + read[first : first + total]
    _, counts = np.unique(grams, return_counts=True)
    return float(np.count_nonzero(counts == 1)) / total
