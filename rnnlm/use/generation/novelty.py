"""How much of a text is copied: its longest run of tokens that occurs in the training text.

Each pass reads the training text in blocks, without an index: runs are found by the hash of their first tokens and
then compared token by token, so that every reported run is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**20
_FACTOR = 0x9E3779B97F4A7C15  # odd; powers of it make a polynomial hash modulo 2⁶⁴
_TABLE_BITS = 20
_PAIRS = 2**20  # pairs of positions that are compared at once, or those of one position if it has more
_ANCHORS = (16, 8, 4, 2, 1)  # hashed tokens of a run; the longest that finds one counts


@dataclass(frozen=True)
class Copied:
    """The longest run of a text that occurs in the training text: `length` tokens from `start`, 0 for none.

    `position` is its first occurrence there; of several longest runs, the first.
    """

    start: int
    length: int
    position: int


def longest_copies(texts: Sequence[Sequence[int]], train: NDArray[Any]) -> list[Copied]:
    """The longest copied run of each text; texts and `train` (tokens,) are ids of one vocabulary.

    Time is proportional to the training text; memory is that of a block and its matches.
    """
    found = [Copied(0, 0, 0) for _ in texts]
    for width in _ANCHORS:
        open_ = [number for number, text in enumerate(texts) if len(text) >= width and not found[number].length]
        if open_:
            _search([np.asarray(texts[number], np.int64) for number in open_], open_, train, width, found)
    return found


def _search(
    texts: list[NDArray[np.int64]], numbers: list[int], train: NDArray[Any], width: int, found: list[Copied]
) -> None:
    """Fill in the copied runs of at least `width` tokens of the texts `numbers`."""
    # All texts in one row, each followed by an id that no text contains, so that runs end with their text.
    row = np.concatenate([np.append(text, -1) for text in texts])
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    first = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
    starts = np.flatnonzero(owner[: len(row) - width + 1] == owner[width - 1 :])
    starts = starts[row[starts + width - 1] >= 0]
    hashes = _hashes(row, width)[starts]
    order = np.argsort(hashes, kind="stable")
    hashes, starts = hashes[order], starts[order]
    known = np.zeros(2**_TABLE_BITS, bool)  # a fast filter before the search
    known[hashes >> np.uint64(64 - _TABLE_BITS)] = True
    for begin in range(0, len(train) - width + 1, _BLOCK):
        block = _hashes(np.asarray(train[begin : begin + _BLOCK + width - 1], np.int64), width)
        positions = np.flatnonzero(known[block >> np.uint64(64 - _TABLE_BITS)])
        low = np.searchsorted(hashes, block[positions], "left")
        counts = np.searchsorted(hashes, block[positions], "right") - low
        batch = counts.cumsum() // _PAIRS
        for part in np.unique(batch):
            some = batch == part
            # Every pair of positions in the training text and in a text that begin with the same tokens.
            there = np.repeat(positions[some] + begin, counts[some])
            before = np.repeat(counts[some].cumsum() - counts[some], counts[some])
            here = starts[np.repeat(low[some], counts[some]) + np.arange(len(there)) - before]
            lengths = _follow(train, there, row, here)
            for number in np.unique(owner[here]):
                own = np.flatnonzero(owner[here] == number)
                best = own[np.lexsort((here[own], there[own], -lengths[own]))[0]]
                if lengths[best] >= max(width, found[numbers[number]].length + 1):
                    start = int(here[best] - first[number])
                    found[numbers[number]] = Copied(start, int(lengths[best]), int(there[best]))


def _hashes(ids: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
    """(n,) → (n − width + 1,): the hash of each run of `width` tokens."""
    runs = max(0, len(ids) - width + 1)
    values = ids.astype(np.uint64)
    total = np.zeros(runs, np.uint64)
    for position in range(width):
        total = total * np.uint64(_FACTOR) + values[position : position + runs] + np.uint64(1)
    return np.asarray(total * np.uint64(_FACTOR), np.uint64)


def _follow(
    train: NDArray[Any], there: NDArray[np.int64], row: NDArray[np.int64], here: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The number of equal tokens from each pair of positions on."""
    lengths = np.zeros(len(there), np.int64)
    alive = np.arange(len(there))
    length = 0
    while len(alive):
        inside = there[alive] + length < len(train)
        alive = alive[inside]
        alive = alive[train[there[alive] + length] == row[here[alive] + length]]
        length += 1
        lengths[alive] = length
    return lengths
