"""A line with what it cost, token by token, and the words that its tokens make up.

Where a word is several tokens, what its end costs is counted to it, not to the word after it; sums over words are sums
over tokens all the same. How rows look in any format is not known here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.use.scoring.batch_scorer import TokenScores
from rnnlm.use.scoring.lines import Line

BITS = 1 / math.log(2)  # bits in a nat
LOG10 = 1 / math.log(10)  # decimal orders of magnitude in a nat


@dataclass(frozen=True)
class Word:
    """Tokens `first` to before `last` of a line, and their nats with the boundary moved; None where none was scored."""

    first: int
    last: int
    nats: float | None
    unknown: bool


@dataclass(frozen=True)
class ScoredLine:
    """A line and the scores of its tokens, `</s>` last; a line that is no unit has none.

    `starts` (tokens,) says which tokens begin a word, `excluded` (tokens,) which count nowhere. `spans` are, where
    they were asked for, begin and end of each token but `</s>` in characters of the raw text.
    """

    line: Line
    scores: TokenScores
    starts: NDArray[np.bool_]
    excluded: NDArray[np.bool_]
    spans: list[tuple[int, int]] | None = None

    @property
    def tokens(self) -> int:
        """Predictions that count."""
        return int((~self.excluded).sum())

    @property
    def nats(self) -> float:
        """−ln p of all that counts."""
        return float(self.scores.nats[~self.excluded].sum())

    @property
    def word_count(self) -> int:
        """Words of the line, `</s>` not counted."""
        return max(0, int(self.starts.sum()) - 1)

    @property
    def excluded_words(self) -> int:
        """Words none of whose tokens count."""
        if not self.excluded.any():
            return 0
        return int((np.add.reduceat(~self.excluded, np.flatnonzero(self.starts), dtype=np.int64) == 0).sum())

    def words(self) -> list[Word]:
        """The words in their order; the last is `</s>`, which blanks at the end of the line belong to.

        With b(i) = −ln P(a word begins at token i, or the line ends, | the tokens before i), a word of tokens i to j
        costs

            −Σ ln p − b(i) + b(j + 1)

        without b(i) for the first word and b(j + 1) for `</s>`, so that all b cancel in the sum; next to a word that is
        left out nothing is moved. Sources: Oh & Schuler 2024 ("Leading whitespaces of language models' subword
        vocabulary…"), Pimentel & Meister 2024 ("How to compute the probability of a word"). Where every token is a
        word, all b are 0.
        """
        if not len(self.line.ids):
            return []
        first = np.flatnonzero(self.starts)
        last = np.append(first[1:], len(self.starts))
        counted = np.where(self.excluded, 0.0, self.scores.nats)
        nats = np.add.reduceat(counted, first)
        scored = np.add.reduceat(~self.excluded, first, dtype=np.int64)
        if self.scores.boundary is not None:
            moved = np.where((scored[1:] > 0) & (scored[:-1] > 0), self.scores.boundary[first[1:]], 0.0)
            nats[1:] -= moved
            nats[:-1] += moved
        unknown = np.add.reduceat(self.line.unknown, first, dtype=np.int64)
        return [
            Word(begin, end, cost if count else None, bool(some))
            for begin, end, cost, count, some in zip(
                first.tolist(), last.tolist(), nats.tolist(), scored.tolist(), unknown.tolist(), strict=True
            )
        ]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where tokens `first` to before `last` stand in the raw text; `</s>` at its end, of no length.

        Tokens that are blanks alone do not count where there are others.
        """
        assert self.spans is not None
        text = self.line.text
        if last == len(self.line.ids):
            return len(text), len(text)
        spans = self.spans[first:last]
        while len(spans) > 1 and text[slice(*spans[0])].isspace():
            del spans[0]
        return spans[0][0], spans[-1][1]
