"""A line with the cost of each token, and of the words that its tokens form.

The cost of a word's end counts for that word, not for the next one; sums over words equal sums over tokens.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.use.scoring.batch_scorer import TokenScores
from rnnlm.use.scoring.lines import Line

BITS = 1 / math.log(2)  # bits in a nat
NO_SPACE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")  # what cleaning does not take for a space
LOG10 = 1 / math.log(10)  # decimal orders of magnitude in a nat


@dataclass(frozen=True)
class Word:
    """Tokens `first` to before `last` of a line, and their nats with the boundary moved; None if none was scored."""

    first: int
    last: int
    nats: float | None
    unknown: bool


@dataclass(frozen=True)
class ScoredLine:
    """A line and the scores of its tokens, `</s>` last; a line that is not a unit has none.

    `starts` (tokens,) marks tokens that begin a word, `excluded` (tokens,) those that are not counted. `spans` are, if
    requested, begin and end of each token except `</s>` in characters of the raw text.
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
        """−ln p of the tokens that count."""
        return float(self.scores.nats[~self.excluded].sum())

    @property
    def word_count(self) -> int:
        """Words of the line, without `</s>`."""
        return max(0, int(self.starts.sum()) - 1)

    @property
    def excluded_words(self) -> int:
        """Words none of whose tokens count."""
        if not self.excluded.any():
            return 0
        return int((np.add.reduceat(~self.excluded, np.flatnonzero(self.starts), dtype=np.int64) == 0).sum())

    def words(self) -> list[Word]:
        """The words in order; the last is `</s>`, which includes spaces at the end of the line.

        With b(i) = −ln P(a word begins at token i, or the line ends, | the tokens before i), a word of tokens i to j
        costs

            −Σ ln p − b(i) + b(j + 1)

        without b(i) for the first word and b(j + 1) for `</s>`, so that all b cancel in the sum; nothing is moved next
        to an excluded word. Sources: Oh & Schuler 2024 ("Leading whitespaces of language models' subword
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
        """The span of tokens `first` to before `last` in the raw text; `</s>` is at its end, with length 0.

        Leading tokens of spaces only are skipped if others follow.
        """
        assert self.spans is not None
        text = self.line.text
        if last == len(self.line.ids):
            return len(text), len(text)
        spans = self.spans[first:last]
        while len(spans) > 1 and not NO_SPACE.search(text[slice(*spans[0])]):
            del spans[0]
        return spans[0][0], spans[-1][1]
