"""Sentences as a trainer reads them: those of the `pad` stage, or lines of ids that are cut in the same way.

A sentence is the tokens of a line and its `</s>`; one that was cut loses both its end and its `</s>`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.errors import ArtifactError

_REMEDY = "rebuild it with: rnnlm pad --force"


class Sentences(Protocol):
    """Sequences to be read side by side."""

    def lengths(self) -> NDArray[np.int64]:
        """(sentences,) the lengths by which similar ones are grouped."""

    def sizes(self) -> NDArray[np.int64]:
        """(sentences,) ids of each."""

    def sentence(self, number: int) -> NDArray[Any]:
        """(size,) the ids of one."""


@dataclass(frozen=True)
class CutLines:
    """Lines of a text, each of at most `longest` tokens where that is given."""

    ids: Ids
    longest: int | None

    def lengths(self) -> NDArray[np.int64]:
        """(lines,) before cutting."""
        return self.ids.lengths()

    def sizes(self) -> NDArray[np.int64]:
        """(lines,) ids of each."""
        lengths = self.ids.lengths()
        return lengths if self.longest is None else np.where(lengths > self.longest + 1, self.longest, lengths)

    def sentence(self, number: int) -> NDArray[Any]:
        """(size,) the ids of one."""
        line = self.ids.line(number)
        return line if self.longest is None or len(line) <= self.longest + 1 else line[: self.longest]


@dataclass(frozen=True)
class PaddedRows:
    """Rows of the `pad` stage: `rows` (N, T) of ids, `tokens` (N,) their true lengths, `ends` (N,) whether a line ends.

    `order` (N,) is what `lengths` gives: of a row whose line was cut, the length of the whole line.
    """

    rows: NDArray[Any]
    tokens: NDArray[np.int64]
    ends: NDArray[np.bool_]
    order: NDArray[np.int64]

    def lengths(self) -> NDArray[np.int64]:
        """(N,) of the lines, before cutting."""
        return self.order

    def sizes(self) -> NDArray[np.int64]:
        """(N,) ids of each."""
        return self.tokens + self.ends

    def sentence(self, number: int) -> NDArray[Any]:
        """(size,) the ids of one."""
        row = self.rows[number, : self.tokens[number]]
        return np.append(row, row.dtype.type(END_ID)) if self.ends[number] else row


def open_padded(directory: Path, split: str, ids: Ids, long_lines: str) -> PaddedRows:
    """A split of the `pad` stage, whose lines are those of `ids`; ArtifactError where the two do not fit.

    `long_lines` says what happened to lines longer than a row: 'truncate' or 'split'.
    """
    rows = open_npy(directory / f"{split}.npy", kinds="u", dimensions=2, remedy=_REMEDY)
    tokens = open_npy(directory / f"{split}.lengths.npy", kinds="u", dimensions=1, remedy=_REMEDY).astype(np.int64)
    width, lines = rows.shape[1], ids.lengths()
    if long_lines == "split":
        pieces = np.maximum(1, -(-(lines - 1) // max(1, width)))
        last = np.cumsum(pieces) - 1
        wanted = np.full(int(pieces.sum()), width)
        wanted[last] = lines - 1 - (pieces - 1) * width
        ends = np.zeros(len(wanted), np.bool_)
        ends[last] = True
        order = wanted + ends
    else:
        wanted, ends, order = np.minimum(lines - 1, width), lines - 1 <= width, lines
    if len(rows) != len(tokens) or not np.array_equal(tokens, wanted):
        raise ArtifactError(f"the rows of {split} in {directory} do not fit the ids of vocab", _REMEDY)
    return PaddedRows(rows, tokens, ends, order)
