"""A split as ids: one flat memory-mapped array with `</s>` at every line end, and where its lines begin."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.errors import ArtifactError

_BLOCK = 2**20


@dataclass(frozen=True)
class Ids:
    """`ids` (tokens,) of unsigned integers; `offsets` (lines + 1,), line i being ids[offsets[i]:offsets[i + 1]].

    `documents` (documents,) are the lines that begin a document.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    documents: NDArray[np.uint32]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.offsets) - 1

    def line(self, number: int) -> NDArray[Any]:
        """The ids of one line, `</s>` included."""
        return self.ids[self.offsets[number] : self.offsets[number + 1]]

    def part(self, first: int, last: int) -> "Ids":
        """Lines from `first` to before `last`, as a separate text."""
        offsets = self.offsets[first : last + 1]
        documents = self.documents[(self.documents >= first) & (self.documents < last)] - np.uint32(first)
        return Ids(self.ids[offsets[0] : offsets[-1]], offsets - offsets[0], documents)

    def lengths(self) -> NDArray[np.int64]:
        """(lines,) tokens of each line, `</s>` included."""
        return np.diff(self.offsets)


def open_ids(directory: Path, split: str, size: object, documents: Path) -> Ids:
    """Open a split of the `vocab` stage whose vocabulary has `size` ids, with the `clean` stage's document starts.

    Raises ArtifactError when the parts are damaged or do not belong together, or `size` is no number.
    """
    remedy = "rebuild it with: rnnlm vocab --force"
    if isinstance(size, bool) or not isinstance(size, int):
        raise ArtifactError(f"{directory} does not say how many ids there are", remedy)
    ids = open_npy(directory / f"{split}.ids.npy", kinds="u", dimensions=1, remedy=remedy)
    offsets = open_npy(directory / f"{split}.offsets.npy", kinds="i", dimensions=1, remedy=remedy)
    starts = open_npy(documents, kinds="u", dimensions=1, remedy="rebuild it with: rnnlm clean --force")
    if not (len(offsets) and offsets[0] == 0 and offsets[-1] == len(ids) and _lines_end(ids, offsets)):
        raise ArtifactError(f"{directory / f'{split}.offsets.npy'} does not fit {split}.ids.npy", remedy)
    for start in range(0, len(ids), _BLOCK):
        if int(ids[start : start + _BLOCK].max()) >= size:
            raise ArtifactError(
                f"{directory / f'{split}.ids.npy'} has an id outside the vocabulary of {size:,}", remedy
            )
    if len(starts) and int(starts[-1]) >= len(offsets) - 1:
        raise ArtifactError(f"{documents} does not fit {split}.ids.npy", remedy)
    return Ids(ids, offsets, starts)


def shifted(ids: NDArray[Any], positions: NDArray[np.int64], starts: Any) -> NDArray[np.int64]:
    """The input at each of `positions`, which predicts the id there: the id before it, or `<s>` where one of `starts`
    says that a sequence begins."""
    before = np.asarray(ids[(positions - 1).clip(0, max(len(ids) - 1, 0))], np.int64)
    return np.where(positions == starts, START_ID, before)


def _lines_end(ids: NDArray[Any], offsets: NDArray[np.int64]) -> bool:
    """Whether every line has a token and ends in `</s>`."""
    for start in range(0, len(offsets) - 1, _BLOCK):
        block = offsets[start : start + _BLOCK + 1]
        if not (np.all(np.diff(block) > 0) and np.all(ids[block[1:] - 1] == END_ID)):
            return False
    return True


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
