"""Raw lines without targets as ids, in blocks and batches."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.labels.labelled import NO_LABEL
from rnnlm.corpus.tokenizer import PAD_ID

T = TypeVar("T")
LINES = 4096  # read at once, so that lines of similar length share a batch


def blocks(lines: Iterable[T], together: int = LINES) -> Iterator[list[T]]:
    """The same lines or records, so many at a time."""
    source = iter(lines)
    while block := list(itertools.islice(source, together)):
        yield block


@dataclass(frozen=True)
class IdLines:
    """Lines of ids as `Sequences`, with no target for any step (`per_token`) or line."""

    ids: list[list[int]]
    per_token: bool

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.ids)

    def lengths(self) -> NDArray[np.int64]:
        """(lines,) ids of each."""
        return np.array([len(line) for line in self.ids], np.int64)

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """Inputs (time, n) of ids, 0 where padded; targets of the same shape, or (n,), all −1; lengths (n,)."""
        lines = [self.ids[row] for row in rows]
        inputs = np.full((max(map(len, lines)), len(lines)), PAD_ID, np.int64)
        for column, line in enumerate(lines):
            inputs[: len(line), column] = line
        targets = np.full(inputs.shape if self.per_token else inputs.shape[1:], NO_LABEL, np.int64)
        return inputs, targets, np.array([len(line) for line in lines], np.int64)
